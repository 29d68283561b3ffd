# The Python side of the runtime: nnapi_runtime._loader, the binding of the session and what is below it.

find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module)
if(NOT nanobind_DIR)
  execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir
                  OUTPUT_VARIABLE nanobind_DIR OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
find_package(nanobind CONFIG REQUIRED)

file(GLOB NNAPI_BIND_SOURCES CONFIGURE_DEPENDS
     ${NNAPI_RUNTIME_DIR}/src/bind/*.cpp
     ${NNAPI_RUNTIME_DIR}/src/machine/*.cpp)
nanobind_add_module(_loader NB_STATIC NOMINSIZE NB_SUPPRESS_WARNINGS ${NNAPI_BIND_SOURCES})
target_link_libraries(_loader PRIVATE nnapi_session)
set_target_properties(_loader PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})

if(SKBUILD_STATE STREQUAL "editable")
  foreach(target _loader neuralnetworks torch_nnapi nnapi-check-driver)
    add_custom_command(TARGET ${target} POST_BUILD COMMAND ${CMAKE_COMMAND} -E create_symlink
      $<TARGET_FILE:${target}> ${NNAPI_RUNTIME_DIR}/$<TARGET_FILE_NAME:${target}>)
  endforeach()
else()
  install(TARGETS _loader neuralnetworks torch_nnapi LIBRARY DESTINATION nnapi_runtime)
  install(TARGETS nnapi-check-driver RUNTIME DESTINATION nnapi_runtime)
endif()
