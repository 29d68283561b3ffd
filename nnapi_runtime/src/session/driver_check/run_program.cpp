#include "session/driver_check/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "loader/error.h"

namespace nnapi::session {
namespace {

constexpr size_t kMostOutput = 1 << 20;
constexpr int kNotStarted = 127;
constexpr uint64_t kLongest = 100'000'000'000'000'000;  // three years, which a clock can add

struct Pipe {
  Pipe() {
    if (pipe2(ends, O_CLOEXEC) != 0) {
      throw loader::LibraryError(std::string("a pipe cannot be made: ") + std::strerror(errno));
    }
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  void close_end(int i) {
    if (ends[i] >= 0) close(ends[i]);
    ends[i] = -1;
  }
  int ends[2] = {-1, -1};
};

// Nothing here allocates: another thread may have held the heap's lock when the process forked.
[[noreturn]] void become(char* const* arguments, int output) {
  // Where the process has no standard output, the pipe may have taken its number.
  if (output == STDOUT_FILENO) {
    fcntl(output, F_SETFD, 0);
  } else {
    dup2(output, STDOUT_FILENO);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(arguments[0], arguments);
  _exit(kNotStarted);
}

}  // namespace

ProgramEnd run_program(const std::vector<std::string>& command, uint64_t timeout_ns) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::nanoseconds(std::min(timeout_ns, kLongest));
  std::vector<char*> arguments;
  for (const std::string& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  if (access(arguments[0], X_OK) != 0) {
    throw loader::LibraryError("'" + command.front() + "' cannot be run: " + std::strerror(errno));
  }
  Pipe output;
  const pid_t child = fork();
  if (child < 0) {
    throw loader::LibraryError("'" + command.front() + "' cannot be run: " + std::strerror(errno));
  }
  if (child == 0) become(arguments.data(), output.ends[1]);
  output.close_end(1);
  ProgramEnd end;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{output.ends[0], POLLIN, 0};
    const int ready =
        left <= 0 ? 0 : poll(&waiting, 1, static_cast<int>(std::min<int64_t>(left, 60000)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0 && left > 0) continue;
    char text[4096];
    const ssize_t count = ready > 0 ? read(output.ends[0], text, sizeof text) : 0;
    if (count < 0 && errno == EINTR) continue;
    if (count > 0) {
      const size_t room = kMostOutput - end.output.size();
      end.output.append(text, std::min(static_cast<size_t>(count), room));
      continue;
    }
    if (ready <= 0) {
      end.is_late = true;
      kill(child, SIGKILL);
    }
    break;
  }
  // It may have said all and still not end: a driver's threads outlive main.
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(child, &status, end.is_late ? 0 : WNOHANG);
    if (ended == child || (ended < 0 && errno != EINTR)) break;
    if (Clock::now() >= deadline) {
      end.is_late = true;
      kill(child, SIGKILL);
    } else {
      usleep(1000);
    }
  }
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  if (WIFEXITED(status)) end.status = WEXITSTATUS(status);
  return end;
}

}  // namespace nnapi::session
