// The activation of a recurrent cell. Wider than a fused activation: the same codes go on with
// tanh, sign bit and sigmoid.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "host/arithmetic/exponential.h"
#include "host/operation/operation.h"

namespace nnapi::host {

enum class CellActivation : int32_t {
  kNone = 0,
  kRelu = 1,
  kRelu1 = 2,
  kRelu6 = 3,
  kTanh = 4,
  kSignBit = 5,
  kSigmoid = 6,
};

inline Status check_cell_activation(const Node& node, int32_t code) {
  if (code >= 0 && code <= 6) return kOk;
  return node.bad(
      "activation %d, must be 0 (none), 1 (relu), 2 (relu1), 3 (relu6), 4 (tanh), 5 (sign bit) or "
      "6 (sigmoid)",
      code);
}

inline void activate(CellActivation activation, float* values, int64_t count) {
  const auto each = [&](auto&& f) {
    for (int64_t i = 0; i < count; ++i) values[i] = f(values[i]);
  };
  switch (activation) {
    case CellActivation::kNone:
      return;
    case CellActivation::kRelu:
      return each([](float x) { return x < 0.0f ? 0.0f : x; });
    case CellActivation::kRelu1:
      return each([](float x) { return x < -1.0f ? -1.0f : x > 1.0f ? 1.0f : x; });
    case CellActivation::kRelu6:
      return each([](float x) { return x < 0.0f ? 0.0f : x > 6.0f ? 6.0f : x; });
    case CellActivation::kTanh:
      return each(hyperbolic_tangent);
    case CellActivation::kSignBit:
      return each([](float x) { return std::signbit(x) ? 1.0f : 0.0f; });
    case CellActivation::kSigmoid:
      return each(logistic);
  }
}

}  // namespace nnapi::host
