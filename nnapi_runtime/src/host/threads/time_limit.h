// When what a thread computes must be over. Work that is cut into pieces stops between two of them.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>

namespace nnapi::host {

class TimeLimit {
 public:
  using Clock = std::chrono::steady_clock;

  // Holds for this thread's work until it is destroyed; none: as if it were not there. What is left
  // out after the end is missing in the results, so only results that are thrown away then, and
  // nothing that is kept (packed weights), may be computed under one.
  explicit TimeLimit(const std::optional<Clock::time_point>& end);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

  // Was any piece left out?
  bool has_cut() const { return over_.load(std::memory_order_relaxed); }

  // The one that holds for this thread; may be null. A piece that takes long asks it as it goes.
  static TimeLimit* current();
  // The one that holds for this thread from now on; returns the one before.
  static TimeLimit* exchange_current(TimeLimit* limit);
  // From any thread, before a piece: is it to be left out?
  bool is_over() {
    if (has_cut()) return true;
    if (Clock::now() < end_) return false;
    over_.store(true, std::memory_order_relaxed);
    return true;
  }

 private:
  Clock::time_point end_{};
  std::atomic<bool> over_{false};
  TimeLimit* outer_ = nullptr;
  bool holds_ = false;
};

}  // namespace nnapi::host
