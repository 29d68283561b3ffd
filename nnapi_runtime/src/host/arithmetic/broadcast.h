// Broadcasting: shapes are aligned at their last dimension, and a dimension of 1 is repeated as
// often as the other operand's dimension says. A missing leading dimension counts as 1.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "host/operation/operation.h"

namespace nnapi::host {

// For infer: sets the shape of output 0 from inputs a and b, or says why they do not fit.
Status infer_broadcast(const Node& node, uint32_t a, uint32_t b);

// How two dense operands are walked together, in the order of the output. Neighbouring dimensions
// that behave alike are one: equal shapes, or a tensor and a scalar, leave a single run.
class Broadcast {
 public:
  // The shapes have passed infer_broadcast.
  Broadcast(const Shape& a, const Shape& b);

  size_t count() const { return count_; }
  size_t run() const { return loops_[0].size; }
  // Is all of the output one run?
  bool is_single_run() const { return depth_ == 1; }
  // Along a run, does the operand advance with the output, or is its value the same for all of it?
  bool a_advances() const { return loops_[0].a_stride != 0; }
  bool b_advances() const { return loops_[0].b_stride != 0; }

  // Cuts the elements [begin, end) of the output into runs: body(out, a, b, n) is called with the
  // positions of the first element of each operand, and the number of elements.
  template <class Body>
  void for_runs(size_t begin, size_t end, Body&& body) const {
    if (begin >= end) return;
    std::array<size_t, kMaxRank> index{};
    size_t a = 0, b = 0, rest = begin;
    for (uint32_t i = 0; i < depth_; ++i) {
      index[i] = rest % loops_[i].size;
      rest /= loops_[i].size;
      a += index[i] * loops_[i].a_stride;
      b += index[i] * loops_[i].b_stride;
    }
    for (size_t out = begin; out < end;) {
      const size_t n = std::min(loops_[0].size - index[0], end - out);
      body(out, a, b, n);
      out += n;
      // Carry: a run is over, so every full loop starts again and the next one steps on.
      a += n * loops_[0].a_stride;
      b += n * loops_[0].b_stride;
      index[0] += n;
      for (uint32_t i = 0; i + 1 < depth_ && index[i] == loops_[i].size; ++i) {
        a += loops_[i + 1].a_stride - loops_[i].size * loops_[i].a_stride;
        b += loops_[i + 1].b_stride - loops_[i].size * loops_[i].b_stride;
        index[i] = 0;
        ++index[i + 1];
      }
    }
  }

 private:
  struct Loop {
    size_t size = 1, a_stride = 0, b_stride = 0;  // a stride of 0 repeats the operand
  };
  std::array<Loop, kMaxRank> loops_{};  // innermost first; its strides are 0 or 1
  uint32_t depth_ = 1;
  size_t count_ = 1;
};

}  // namespace nnapi::host
