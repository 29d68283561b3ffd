// The interpreter's lock, given up and taken where the interpreter may end meanwhile. Python ends a
// thread that asks for the lock then, by unwinding it through whatever it is in; C++ answers with
// an abort of the process. Here such a thread stays where it is until the process is gone.
#pragma once

#include <Python.h>
#include <cxxabi.h>
#include <unistd.h>

namespace nnapi::bind {

// Calls take(), which may end the thread.
template <class Take>
auto or_wait_for_the_end(const Take& take) noexcept {
  try {
    return take();
  } catch (const abi::__forced_unwind&) {
    for (;;) pause();
  }
}

// Without the lock, for as long as it lives.
class GilReleased {
 public:
  GilReleased() : state_(PyEval_SaveThread()) {}
  ~GilReleased() {
    or_wait_for_the_end([this] { PyEval_RestoreThread(state_); });
  }
  GilReleased(const GilReleased&) = delete;
  GilReleased& operator=(const GilReleased&) = delete;

 private:
  PyThreadState* const state_;
};

// With the lock, from a thread that may have it already.
class GilAcquired {
 public:
  GilAcquired() : state_(or_wait_for_the_end([] { return PyGILState_Ensure(); })) {}
  ~GilAcquired() { PyGILState_Release(state_); }
  GilAcquired(const GilAcquired&) = delete;
  GilAcquired& operator=(const GilAcquired&) = delete;

 private:
  const PyGILState_STATE state_;
};

}  // namespace nnapi::bind
