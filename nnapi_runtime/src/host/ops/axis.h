// Axis operands: scalars of type INT32.
#pragma once

#include "host/operation.h"

namespace nnapi::host {

// Reads input `i` as an axis of a tensor of `rank` dimensions, in [-rank, rank), into `axis`,
// which is then in [0, rank). Asks to be called again when the value is not known yet.
inline Status read_axis(const Node& node, uint32_t i, uint32_t rank, uint32_t* axis) {
  if (!node.known(i)) return node.later();
  const int64_t value = node.scalar<int32_t>(i);
  if (value < -int64_t{rank} || value >= int64_t{rank})
    return node.bad("axis %d is outside [-%u, %u)", static_cast<int>(value), rank, rank);
  *axis = static_cast<uint32_t>(value < 0 ? value + rank : value);
  return kOk;
}

// The same for operations that do not count from the end.
inline Status read_forward_axis(const Node& node, uint32_t i, uint32_t rank, uint32_t* axis) {
  if (!node.known(i)) return node.later();
  const int32_t value = node.scalar<int32_t>(i);
  if (value < 0) return node.bad("axis %d is outside [0, %u)", value, rank);
  return read_axis(node, i, rank, axis);
}

}  // namespace nnapi::host
