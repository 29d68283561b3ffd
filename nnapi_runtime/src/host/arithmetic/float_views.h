// Real-valued operands of any type seen as float32 arrays, for kernels that are written once and
// compute in float32. What is float32 already is used where it is.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "host/memory/scratch.h"
#include "host/operation/operation.h"
#include "host/tensor/tensor.h"

namespace nnapi::host {

// Real values of all elements of a float16, float32, quant8 or quant16 tensor.
void load_floats(const Tensor& from, float* to);
// Stores `count` real values from element `first` on: rounded, and saturated if quantised.
void store_floats(const float* from, size_t count, Tensor& to, size_t first = 0);

// Constant inputs of other types than float32, converted once: a part of what prepare leaves.
class FloatConstants {
 public:
  explicit FloatConstants(const Node& node);
  // Null if input i was not converted.
  const float* operator[](uint32_t i) const {
    return i < converted_.size() ? converted_[i].get() : nullptr;
  }

 private:
  std::vector<std::unique_ptr<float[]>> converted_;
};

// The inputs of one run. What is neither float32 nor constant is converted into scratch, unless the
// cursor only counts.
class FloatInputs {
 public:
  FloatInputs(const Node& node, const FloatConstants& constants, ScratchCursor& scratch);
  // Null for an input that is not given, is empty or has no real-valued tensor type.
  const float* operator[](uint32_t i) const { return i < kMost ? views_[i] : nullptr; }

 private:
  static constexpr uint32_t kMost = 64;  // BIDIRECTIONAL_SEQUENCE_LSTM has 61
  const float* views_[kMost] = {};
};

// An output of one run: float32 results are written in place, others to scratch and then stored.
class FloatOutput {
 public:
  FloatOutput(const Node& node, uint32_t i, ScratchCursor& scratch);
  float* data() const { return data_; }
  void store() const;

 private:
  Tensor* tensor_;
  float* data_;
};

// prepare and the beginning of run for an operation that computes in float32. `Memory` is all that
// it uses during a run; its constructor takes (const Node&, const FloatConstants&, ScratchCursor&),
// and in prepare the cursor only counts.
struct PreparedFloats : Prepared {
  explicit PreparedFloats(const Node& node) : constants(node) {}
  FloatConstants constants;
};

template <class Memory>
std::unique_ptr<Prepared> prepare_floats(const Node& node) {
  auto prepared = std::make_unique<PreparedFloats>(node);
  ScratchCursor scratch;
  Memory(node, prepared->constants, scratch);
  prepared->scratch_bytes = scratch.bytes();
  return prepared;
}

template <class Memory>
Memory floats_of_run(const Node& node, const Prepared* prepared) {
  ScratchCursor scratch(node.scratch());
  return Memory(node, static_cast<const PreparedFloats*>(prepared)->constants, scratch);
}

}  // namespace nnapi::host
