# nnapi-probe: plain C that opens a libneuralnetworks.so itself, so nothing of the host runtime is in it.

set(NNAPI_PROBE_DIR ${NNAPI_RUNTIME_DIR}/probe)
add_custom_command(
  OUTPUT ${NNAPI_GENERATED_DIR}/models.inc
  COMMAND Python3::Interpreter ${NNAPI_PROBE_DIR}/generate.py ${NNAPI_OPSET_DIR}/operations.csv
          ${NNAPI_PROBE_DIR}/models.csv ${NNAPI_GENERATED_DIR}/models.inc
  DEPENDS ${NNAPI_PROBE_DIR}/generate.py ${NNAPI_PROBE_DIR}/models.csv
          ${NNAPI_OPSET_DIR}/operations.csv
  COMMENT "Models of the probe")

add_executable(nnapi-probe ${NNAPI_PROBE_DIR}/nnapi_probe.c ${NNAPI_GENERATED_DIR}/models.inc)
target_include_directories(nnapi-probe PRIVATE ${NNAPI_RUNTIME_DIR}/include ${NNAPI_GENERATED_DIR})
target_link_libraries(nnapi-probe PRIVATE ${CMAKE_DL_LIBS})
