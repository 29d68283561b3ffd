# The session: loader and session as objects, and libtorch_nnapi.so, their C API.

file(GLOB_RECURSE NNAPI_SESSION_SOURCES CONFIGURE_DEPENDS
     ${NNAPI_RUNTIME_DIR}/src/loader/*.cpp ${NNAPI_RUNTIME_DIR}/src/session/*.cpp)
add_library(nnapi_session OBJECT ${NNAPI_SESSION_SOURCES})
target_include_directories(nnapi_session PUBLIC ${NNAPI_RUNTIME_DIR}/include ${NNAPI_RUNTIME_DIR}/src)
target_link_libraries(nnapi_session PUBLIC nnapi_json ${CMAKE_DL_LIBS} Threads::Threads)
# GCC 12 warns of texts that are put together with +, wrongly (its bug 105651).
target_compile_options(nnapi_session PUBLIC $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# It is shipped in apps, and computes nothing: small rather than fast.
target_compile_options(nnapi_session PUBLIC $<$<CONFIG:Release>:-Os>)

file(GLOB NNAPI_C_API_SOURCES CONFIGURE_DEPENDS ${NNAPI_RUNTIME_DIR}/src/c_api/*.cpp)
add_library(torch_nnapi SHARED ${NNAPI_C_API_SOURCES})
target_link_libraries(torch_nnapi PRIVATE nnapi_session)
set_target_properties(torch_nnapi PROPERTIES
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}
  LINK_DEPENDS ${NNAPI_RUNTIME_DIR}/src/c_api/exports.map)
target_link_options(torch_nnapi PRIVATE
  -Wl,--version-script=${NNAPI_RUNTIME_DIR}/src/c_api/exports.map -Wl,--gc-sections)

# For programs in C and C++ where no pip installs: cmake --install.
if(NOT NNAPI_PYTHON)
  include(GNUInstallDirs)
  install(TARGETS torch_nnapi neuralnetworks LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/torch_nnapi)
  install(FILES ${NNAPI_RUNTIME_DIR}/include/torch_nnapi.h ${NNAPI_RUNTIME_DIR}/include/torch_nnapi.hpp
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endif()

# Tries a driver in a process of its own (session/driver_check).
add_executable(nnapi-check-driver ${NNAPI_RUNTIME_DIR}/probe/check_driver_main.cpp)
target_link_libraries(nnapi-check-driver PRIVATE nnapi_session)
target_link_options(nnapi-check-driver PRIVATE -Wl,--gc-sections)
if(NOT NNAPI_PYTHON)
  install(TARGETS nnapi-check-driver RUNTIME DESTINATION ${CMAKE_INSTALL_LIBDIR}/torch_nnapi)
endif()
