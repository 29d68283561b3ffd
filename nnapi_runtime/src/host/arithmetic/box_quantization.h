// Quantised boxes and image sizes count eighths of a pixel.
#pragma once

#include "host/operation/operation.h"

namespace nnapi::host {

constexpr float kBoxScale = 0.125f;

inline Status check_box_scale(const Node& node, const Tensor& t, const char* what, uint32_t i) {
  const bool quantised = t.type == ANEURALNETWORKS_TENSOR_QUANT16_ASYMM ||
                         t.type == ANEURALNETWORKS_TENSOR_QUANT16_SYMM;
  if (!quantised || (t.scale == kBoxScale && t.zero_point == 0)) return kOk;
  return node.bad("%s %u has scale %g and zero point %d, must be 0.125 and 0", what, i,
                  static_cast<double>(t.scale), t.zero_point);
}
inline Status check_box_input(const Node& node, uint32_t i) {
  return check_box_scale(node, node.in(i), "input", i);
}
inline Status check_box_output(const Node& node, uint32_t i) {
  return check_box_scale(node, node.out(i), "output", i);
}

}  // namespace nnapi::host
