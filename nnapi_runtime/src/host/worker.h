// A thread that helps when it is called. Calling one that is still watching costs a store; only one
// that has gone to sleep must be woken by the system.
#pragma once

#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace nnapi::host {

class alignas(64) Worker {
 public:
  // Starts the thread, which lives as long as the process. It calls work() once for every call.
  template <class F>
  explicit Worker(F work) : thread_([this, work] { serve(work); }) {
    thread_.detach();
  }

  void call() {
    caller_cpu_.store(sched_getcpu(), std::memory_order_relaxed);
    if (state_.exchange(State::kCalled, std::memory_order_acq_rel) == State::kAsleep) wake();
  }

  // Returns when it has done what it was called for; or at once if it has not begun, and then it
  // does not begin.
  void join() {
    State state = State::kCalled;
    if (state_.compare_exchange_strong(state, State::kIdle, std::memory_order_acq_rel)) return;
    const auto is_idle = [this] { return state_.load(std::memory_order_acquire) == State::kIdle; };
    if (watch_for(is_idle, own_cpu_)) return;
    state = State::kWorking;
    if (state_.compare_exchange_strong(state, State::kAwaited, std::memory_order_acq_rel))
      sleep_while(State::kAwaited);
  }

 private:
  enum class State : int {
    kIdle,
    kCalled,
    kWorking,
    kAwaited,  // working, and the caller sleeps until it is done
    kAsleep,
  };

  template <class F>
  [[noreturn]] void serve(F work) {
    for (;;) {
      const auto is_called = [this] {
        return state_.load(std::memory_order_relaxed) == State::kCalled;
      };
      State state = State::kIdle;
      if (!watch_for(is_called, caller_cpu_) &&
          state_.compare_exchange_strong(state, State::kAsleep, std::memory_order_acq_rel))
        sleep_while(State::kAsleep);
      state = State::kCalled;
      if (!state_.compare_exchange_strong(state, State::kWorking, std::memory_order_acq_rel))
        continue;
      own_cpu_.store(sched_getcpu(), std::memory_order_relaxed);
      work();
      if (state_.exchange(State::kIdle, std::memory_order_acq_rel) == State::kAwaited) wake();
    }
  }

  // Looks for some tens of microseconds whether the condition comes to hold: being woken takes as
  // long, and mostly it comes sooner. Not on the processor of the thread that is waited for, which
  // could not run meanwhile.
  template <class Condition>
  static bool watch_for(Condition condition, const std::atomic<int>& other_cpu) {
    for (int i = 0; i < kWatches; ++i) {
      if (condition()) return true;
      if (i % 256 == 0 && other_cpu.load(std::memory_order_relaxed) == sched_getcpu()) return false;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#elif defined(__aarch64__)
      asm volatile("isb");
#endif
    }
    return false;
  }

  // The worker and its caller never sleep at the same time.
  void sleep_while(State state) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return state_.load(std::memory_order_acquire) != state; });
  }

  void wake() {
    { std::lock_guard lock(mutex_); }
    changed_.notify_one();
  }

  static constexpr int kWatches = 4096;

  std::atomic<State> state_{State::kIdle};
  std::atomic<int> caller_cpu_{-1}, own_cpu_{-1};  // where they were last seen
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace nnapi::host
