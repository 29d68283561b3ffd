// From real values to steps of a quantised output.
#pragma once

#include <cmath>
#include <cstdint>

#include "host/arithmetic/activation.h"
#include "host/operation/operation.h"
#include "host/tensor/tensor.h"

namespace nnapi::host {

// A result given in (real-valued) steps of the output, rounded to the nearest integer (ties to
// even, as torch and every processor do), shifted and clamped. Any double is taken; a NaN becomes
// the lowest value.
inline int32_t to_step(double steps, int32_t zero_point, const ClampRange<int32_t>& range) {
  const double q = std::nearbyint(steps) + zero_point;
  return static_cast<int32_t>(std::fmin(std::fmax(q, range.low), range.high));
}

// What turns an accumulator of (input - zero point) * (weight - zero point) into output steps:
// one factor for each output channel, or the same for all.
struct AccumulatorScale {
  double common = 0.0;
  double input_by_output = 0.0;
  const float* channels = nullptr;

  static AccumulatorScale of(const Tensor& input, const Tensor& weights, const Tensor& output) {
    AccumulatorScale s;
    s.input_by_output = static_cast<double>(input.scale) / output.scale;
    s.common = s.input_by_output * weights.scale;
    if (weights.type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL)
      s.channels = weights.channel.scales;
    return s;
  }
  double operator[](int64_t channel) const {
    return channels ? input_by_output * channels[channel] : common;
  }
};

// A bias counts in steps of input scale * weight scale; per-channel weights imply that, others must
// say it.
inline Status check_bias_scale(const Node& node, const Tensor& input, const Tensor& weights,
                               const Tensor& bias) {
  if (weights.type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL) return kOk;
  const double product = input.scale * weights.scale, given = bias.scale;
  if (std::abs(product - given) <= 1e-6 * std::fmin(product, given)) return kOk;
  return node.bad("bias scale %g, must be input scale * weight scale = %g", given, product);
}

}  // namespace nnapi::host
