// Sums of quantised products the way the fast loops make them: of unsigned inputs and signed
// weights, in 32 bits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "host/kernels/convolution.h"

namespace nnapi::host {

inline int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// Zero points of such inputs and weights.
struct StepZeros {
  int32_t input, weight;
  int32_t weight_shift;  // taken off stored weights to make them signed

  static StepZeros of(const Convolution& c) {
    const int32_t input = c.type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM ? 0 : 128;
    const int32_t weight = c.weight_type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM ? 128 : 0;
    return {c.in_zero + input, c.weight_zero - weight, weight};
  }
};

// Do all sums fit in 32 bits, whatever the inputs and weights are?
inline bool sums_fit(const Convolution& c, const int32_t* bias) {
  int64_t largest = 0;
  for (int64_t n = 0; bias && n < c.out.channels; ++n)
    largest = std::max(largest, std::abs(int64_t{bias[n]}));
  const int64_t fan_in = c.group_in() * c.y.filter * c.x.filter;
  return largest + fan_in * 255 * 255 <= std::numeric_limits<int32_t>::max();
}

}  // namespace nnapi::host
