// The activation that many operations fuse behind themselves, as a range to clamp results to.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "host/operation/operation.h"
#include "host/tensor/tensor.h"

namespace nnapi::host {

inline Status check_activation(const Node& node, int32_t code) {
  if (code >= ANEURALNETWORKS_FUSED_NONE && code <= ANEURALNETWORKS_FUSED_RELU6) return kOk;
  return node.bad("fused activation %d, must be 0 (none), 1 (relu), 2 (relu1) or 3 (relu6)", code);
}

template <class T>
struct ClampRange {
  T low, high;

  // A NaN stays one.
  T clamp(T value) const { return value < low ? low : value > high ? high : value; }
};

// Of a real-valued result. `code` has passed check_activation.
inline ClampRange<float> activation_range(int32_t code) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  switch (code) {
    case ANEURALNETWORKS_FUSED_RELU:
      return {0.0f, kInfinity};
    case ANEURALNETWORKS_FUSED_RELU1:
      return {-1.0f, 1.0f};
    case ANEURALNETWORKS_FUSED_RELU6:
      return {0.0f, 6.0f};
    default:
      return {-kInfinity, kInfinity};
  }
}

// In steps of a quantised 8-bit output: the activation's range within the type's.
inline ClampRange<int32_t> quantised_activation_range(int32_t code, const Tensor& output) {
  const bool is_signed = output.type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED;
  const double least = is_signed ? -128 : 0, most = is_signed ? 127 : 255;
  const ClampRange<float> real = activation_range(code);
  const auto step = [&](float value) {
    const double q = std::round(static_cast<double>(value) / output.scale) + output.zero_point;
    return static_cast<int32_t>(std::clamp(std::isnan(q) ? output.zero_point : q, least, most));
  };
  return {step(real.low), step(real.high)};
}

}  // namespace nnapi::host
