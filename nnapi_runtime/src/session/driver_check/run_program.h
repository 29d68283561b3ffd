// Another program, run to its end or up to a deadline.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nnapi::session {

struct ProgramEnd {
  std::string output;    // what it wrote to its standard output, up to a megabyte
  int status = 0;        // its exit code
  int signal = 0;        // that ended it; 0: none did
  bool is_late = false;  // the deadline passed, and it was killed
};

// `command` is the path of a program, and its arguments. Its standard error is this process's.
// Throws LibraryError where it cannot be started.
ProgramEnd run_program(const std::vector<std::string>& command, uint64_t timeout_ns);

}  // namespace nnapi::session
