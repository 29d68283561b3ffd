// One call of a model on its way: its values, and how long it may take.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "session/tensor/value.h"

namespace nnapi::session {

using Clock = std::chrono::steady_clock;

// When a run must be over, by the clock or by somebody's wish.
class RunLimits {
 public:
  // `timeout` in nanoseconds, 0: none. `cancelled` may be null; it must outlive the run.
  RunLimits(uint64_t timeout, const std::atomic<bool>* cancelled);

  // Throws CallError (MISSED_DEADLINE_TRANSIENT) where it must be over.
  void check() const;
  std::optional<Clock::time_point> deadline() const { return deadline_; }

 private:
  uint64_t timeout_;
  std::optional<Clock::time_point> deadline_;
  const std::atomic<bool>* cancelled_;
};

// Where the value of a slot is wanted.
struct Place {
  size_t slot = 0;
  std::shared_ptr<std::byte> memory;
  size_t bytes = 0;
};

struct Run {
  std::vector<Value> values;  // by slot
  RunLimits limits;
  std::vector<Place> places = {};

  // The memory where the value of a slot of so many bytes is wanted; null: anywhere.
  std::shared_ptr<std::byte> place(size_t slot, size_t bytes) const;
};

// Where the value of each name stands in a run.
class Slots {
 public:
  // That of a name; a new one for a name that is new.
  size_t operator[](const std::string& name) {
    return slots_.try_emplace(name, slots_.size()).first->second;
  }
  size_t size() const { return slots_.size(); }

 private:
  std::unordered_map<std::string, size_t> slots_;
};

}  // namespace nnapi::session
