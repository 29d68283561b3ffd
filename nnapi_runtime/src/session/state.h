// What a model remembers from one call to the next.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "session/file/artifact.h"
#include "session/tensor/value.h"

namespace nnapi::session {

// Two buffers for each state: a call reads one and makes the next value in the other, and then they
// change places. One thread at a time.
class State {
 public:
  // As the artifact says it. Throws ModelError where a weight is not what a state begins as.
  explicit State(std::shared_ptr<const Artifact> artifact);
  // The same values, to go on from by itself.
  State(const State& other);
  State& operator=(const State&) = delete;

  size_t size() const { return kept_.size(); }
  // What it begins as.
  void reset();
  const Value& value(size_t i) const { return kept_[i].value; }
  // A value of any strides. Throws ArgumentError for another dtype or shape.
  void set(size_t i, const Value& value);

  // Memory for the next value of a state, and how much that takes.
  std::shared_ptr<std::byte> next(size_t i);
  size_t bytes(size_t i) const { return kept_[i].bytes; }
  // After a call: makes these the values of `which` states. Those that do not lie in their next
  // memory are copied.
  void keep(std::span<const size_t> which, std::span<const Value> values);
  // Does a value lie in memory that is the state's own, or its beginning?
  bool holds(const Value& value) const;

 private:
  struct Kept {
    Value value;  // of the weight, or in `memory`
    std::shared_ptr<std::byte> memory, next;
    size_t bytes = 0;
  };

  void begin(size_t i);
  // A copy in the next memory, in row-major order.
  Value written(size_t i, const Value& value);
  void swap(size_t i, Value value);

  const TensorSpec& spec(size_t i) const { return artifact_->manifest.states[i].tensor; }
  std::span<const std::byte> beginning(size_t i) const;

  std::shared_ptr<const Artifact> artifact_;
  std::vector<Kept> kept_;
};

}  // namespace nnapi::session
