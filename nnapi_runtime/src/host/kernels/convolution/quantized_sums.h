// Sums of quantised products the way the fast loops make them: of signed weights, and of inputs
// that are all signed or all unsigned, as loops take them; in 32 bits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "host/kernels/convolution/convolution.h"
#include "host/kernels/simd/simd_loops.h"

namespace nnapi::host {

inline int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// What makes an 8-bit input such by exclusive or.
inline uint8_t input_flip(const Convolution& c, const TileLoops& loops) {
  const bool is_signed = c.type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED;
  return is_signed == loops.signed_inputs ? 0 : 0x80;
}

// Zero points of such inputs and weights.
struct ByteZeros {
  int32_t input, weight;
  int32_t weight_shift;  // taken off stored weights to make them signed

  static ByteZeros of(const Convolution& c, const TileLoops& loops) {
    const int32_t input = input_flip(c, loops) == 0 ? 0 : loops.signed_inputs ? -128 : 128;
    const int32_t weight = c.weight_type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM ? 128 : 0;
    return {c.in_zero + input, c.weight_zero - weight, weight};
  }
};

// Do all sums fit in 32 bits, and do so in steps of the output too, whatever inputs and weights
// are?
inline bool sums_fit(const Convolution& c, const int32_t* bias) {
  double largest_factor = 1.0;
  for (int64_t n = 0; n < c.out.channels; ++n)
    largest_factor = std::max(largest_factor, c.scale[n]);
  int64_t largest = 0;
  for (int64_t n = 0; bias && n < c.out.channels; ++n)
    largest = std::max(largest, std::abs(int64_t{bias[n]}));
  const int64_t fan_in = c.group_in() * c.y.filter * c.x.filter;
  constexpr double kMost = 0x7fffff80;  // the largest float below 2^31
  return static_cast<double>(largest + fan_in * 255 * 255) * largest_factor <= kMost;
}

// What the loops make of sums.
inline ByteOutput step_output(const Convolution& c) {
  const int32_t shift = c.type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM ? 128 : 0;
  return {c.out_zero - shift,
          {c.byte_range.low - shift, c.byte_range.high - shift},
          static_cast<uint8_t>(shift)};
}

}  // namespace nnapi::host
