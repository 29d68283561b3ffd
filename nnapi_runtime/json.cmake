# src/json, which the session and the host runtime share.

# nlohmann's JSON library is headers alone. They are looked for in NNAPI_JSON_DIR (the folder that has
# nlohmann/json.hpp), in the Python package nlohmann-json, and where the system has them. They get an
# include folder of their own, so that a cross build does not see the system's other headers.
if(NOT NNAPI_JSON_DIR)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c
            "import nlohmann_json, pathlib; print(pathlib.Path(nlohmann_json.__file__).parent / 'include')"
    OUTPUT_VARIABLE NNAPI_JSON_DIR OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT EXISTS "${NNAPI_JSON_DIR}/nlohmann/json.hpp")
  unset(NNAPI_JSON_FOUND CACHE)
  find_path(NNAPI_JSON_FOUND nlohmann/json.hpp
            PATHS /usr/include /usr/local/include /opt/homebrew/include NO_CMAKE_FIND_ROOT_PATH)
  set(NNAPI_JSON_DIR ${NNAPI_JSON_FOUND})
endif()
if(NOT EXISTS "${NNAPI_JSON_DIR}/nlohmann/json.hpp")
  message(FATAL_ERROR
    "nlohmann/json.hpp is missing, version 3.9 or newer: pip install nlohmann-json, or "
    "apt install nlohmann-json3-dev, or -DNNAPI_JSON_DIR=the folder that has it")
endif()
file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/json)
file(REMOVE ${CMAKE_CURRENT_BINARY_DIR}/json/nlohmann)
file(CREATE_LINK ${NNAPI_JSON_DIR}/nlohmann ${CMAKE_CURRENT_BINARY_DIR}/json/nlohmann
     SYMBOLIC COPY_ON_ERROR)

add_library(nnapi_json STATIC ${NNAPI_RUNTIME_DIR}/src/json/document.cpp
            ${NNAPI_RUNTIME_DIR}/src/json/field.cpp)
target_include_directories(nnapi_json PUBLIC ${NNAPI_RUNTIME_DIR}/src)
target_include_directories(nnapi_json SYSTEM PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/json)
# GCC 12 warns of texts that are put together with +, wrongly (its bug 105651).
target_compile_options(nnapi_json PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                       $<$<CONFIG:Release>:-Os>)
