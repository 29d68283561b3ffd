// A thread that helps when it is called. Calling one that is still watching costs a store: what it
// is to do lies beside that in the same cache line. Only one that has gone to sleep must be woken
// by the system.
#pragma once

#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "host/threads/work_stealing.h"

namespace nnapi::host {

class alignas(64) Worker {
 public:
  // Starts the thread, which lives as long as the process. It calls work() once for every call.
  template <class F>
  explicit Worker(F work) : thread_([this, work] { serve(work); }) {
    thread_.detach();
  }

  // What it is called for, and what is left of that.
  Stretch& stretch() { return stretch_; }

  // For part `number` of `parts`.
  void call(const Work& work, int number, int parts) {
    note_cpu(caller_cpu_);
    stretch_.set(work, number, parts);
    if (state_.exchange(State::kCalled, std::memory_order_acq_rel) == State::kAsleep) wake();
  }

  // Returns when it has done what it was called for; or at once if it has not begun, and then it
  // does not begin.
  void join() {
    // Looks before it writes, which would take the line from a worker in the middle of its work.
    if (state_.load(std::memory_order_acquire) == State::kCalled &&
        moves(State::kCalled, State::kIdle))
      return;
    const auto is_idle = [this] { return state_.load(std::memory_order_acquire) == State::kIdle; };
    if (watch_for(is_idle, own_cpu_)) return;
    if (moves(State::kWorking, State::kAwaited)) sleep_while(State::kAwaited);
  }

 private:
  enum class State : int {
    kIdle,
    kCalled,
    kWorking,
    kAwaited,  // working, and the caller sleeps until it is done
    kAsleep,
  };

  bool moves(State from, State to) {
    return state_.compare_exchange_strong(from, to, std::memory_order_acq_rel,
                                          std::memory_order_relaxed);
  }

  template <class F>
  [[noreturn]] void serve(F work) {
    // Each look is an attempt to begin: the line then comes in a state in which it can be written.
    const auto begins = [this] { return moves(State::kCalled, State::kWorking); };
    for (;;) {
      if (!watch_for(begins, caller_cpu_)) {
        if (moves(State::kIdle, State::kAsleep)) sleep_while(State::kAsleep);
        continue;
      }
      note_cpu(own_cpu_);
      work();
      if (state_.exchange(State::kIdle, std::memory_order_acq_rel) == State::kAwaited) wake();
    }
  }

  // Mostly it is the same as before, and the line that the other thread reads stays as it is.
  static void note_cpu(std::atomic<int>& cpu) {
    const int now = sched_getcpu();
    if (cpu.load(std::memory_order_relaxed) != now) cpu.store(now, std::memory_order_relaxed);
  }

  // Looks for about half a millisecond whether the condition comes to hold: mostly it comes sooner,
  // also after the many small steps of a recurrent layer, and being woken takes some ten
  // microseconds. Not on the processor of the thread that is waited for, which could not run
  // meanwhile.
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

  static constexpr int kWatches = 20000;

  [[no_unique_address]] Stretch stretch_;
  std::atomic<State> state_{State::kIdle};
  alignas(64) std::atomic<int> caller_cpu_{-1};  // where they were last seen
  std::atomic<int> own_cpu_{-1};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace nnapi::host
