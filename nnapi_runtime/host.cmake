# The host runtime: libneuralnetworks.so out of src/host and the generated opset tables.

set(NNAPI_GENERATED_DIR ${CMAKE_CURRENT_BINARY_DIR}/generated)
set(NNAPI_OPSET_DIR ${CMAKE_CURRENT_SOURCE_DIR}/nnapi_core/nnapi/opset)

add_custom_command(
  OUTPUT ${NNAPI_GENERATED_DIR}/opset.inc
  COMMAND Python3::Interpreter ${NNAPI_OPSET_DIR}/generate_cpp.py
          ${NNAPI_OPSET_DIR}/operations.csv ${NNAPI_OPSET_DIR}/experimental.csv
          ${NNAPI_GENERATED_DIR}/opset.inc
  DEPENDS ${NNAPI_OPSET_DIR}/generate_cpp.py ${NNAPI_OPSET_DIR}/operations.csv
          ${NNAPI_OPSET_DIR}/experimental.csv
  COMMENT "Opset tables")

file(GLOB_RECURSE NNAPI_HOST_SOURCES CONFIGURE_DEPENDS ${NNAPI_RUNTIME_DIR}/src/host/*.cpp)
add_library(nnapi_host OBJECT ${NNAPI_HOST_SOURCES} ${NNAPI_GENERATED_DIR}/opset.inc)
target_include_directories(nnapi_host PUBLIC ${NNAPI_RUNTIME_DIR}/include ${NNAPI_RUNTIME_DIR}/src)
target_include_directories(nnapi_host PRIVATE ${NNAPI_GENERATED_DIR})
target_link_libraries(nnapi_host PUBLIC nnapi_json Threads::Threads)

add_library(neuralnetworks SHARED)
target_link_libraries(neuralnetworks PRIVATE nnapi_host)
set_target_properties(neuralnetworks PROPERTIES
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}
  LINK_DEPENDS ${NNAPI_RUNTIME_DIR}/src/host/exports.map)
# The thread pool's threads outlive every dlclose, so the library stays where it is (nodelete).
# Compilation caches are of one build, which its id tells (src/host/weights/build_id.h).
target_link_options(neuralnetworks PRIVATE
  -Wl,-z,nodelete -Wl,--build-id=sha1
  -Wl,--version-script=${NNAPI_RUNTIME_DIR}/src/host/exports.map -Wl,--gc-sections)

# fuzz_model and its like: one target for each file, over the same objects. Without libFuzzer, which
# GCC lacks, a main of our own gives them random inputs.
if(NNAPI_FUZZ)
  file(GLOB NNAPI_FUZZERS CONFIGURE_DEPENDS ${NNAPI_RUNTIME_DIR}/fuzz/*_fuzzer.cpp)
  foreach(source ${NNAPI_FUZZERS})
    get_filename_component(name ${source} NAME_WE)
    string(REPLACE "_fuzzer" "" name ${name})
    add_executable(fuzz_${name} ${source})
    target_link_libraries(fuzz_${name} PRIVATE nnapi_host)
    target_include_directories(fuzz_${name} PRIVATE ${NNAPI_RUNTIME_DIR})
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
      target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
      target_sources(fuzz_${name} PRIVATE ${NNAPI_RUNTIME_DIR}/fuzz/random_inputs.cpp)
    endif()
  endforeach()
endif()

if(NNAPI_TWINS)
  foreach(twins kernel_twins loop_twins)
    add_executable(${twins} ${CMAKE_CURRENT_SOURCE_DIR}/tests/runtime/native/${twins}.cpp)
    target_link_libraries(${twins} PRIVATE nnapi_host)
  endforeach()
endif()
