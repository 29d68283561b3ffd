// Is a driver to be trusted with a model? It is asked in a process of its own, so that one which
// crashes or hangs takes nobody with it.
#pragma once

#include <string>

#include "session/driver_check/verdict.h"
#include "session/file/artifact.h"
#include "session/libraries.h"
#include "session/options.h"

namespace nnapi::session {

// nnapi-check-driver beside our own library; on Android libnnapi_check_driver.so, which a package
// may bring along as it does libraries.
std::string default_check_program(const Options& options);

// Each of the artifact's models compiled for the chosen devices of the target library, run once
// and compared with our own library (compare_libraries.h). A verdict is kept in the cache
// directory, under what tells the file, the library and its devices' versions from all others.
// Throws loader::Error where the check itself cannot be made.
Verdicts check_driver(const Artifact& artifact, const Options& options, Libraries& libraries);

}  // namespace nnapi::session
