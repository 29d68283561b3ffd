// Axis operands: scalars of type INT32.
#pragma once

#include "host/operation/operation.h"

namespace nnapi::host {

// `value`, in [-rank, rank), as an axis of a tensor of `rank` dimensions, in [0, rank).
inline Status resolve_axis(const Node& node, int32_t value, uint32_t rank, uint32_t* axis) {
  *axis = 0;
  const int64_t counted = value < 0 ? int64_t{value} + rank : value;
  if (counted < 0 || counted >= rank)
    return node.bad("axis %d is outside [-%u, %u)", value, rank, rank);
  *axis = static_cast<uint32_t>(counted);
  return kOk;
}

// Reads input `i` as such an axis. Asks to be called again when the value is not known yet.
inline Status read_axis(const Node& node, uint32_t i, uint32_t rank, uint32_t* axis) {
  *axis = 0;
  if (!node.known(i)) return node.later();
  return resolve_axis(node, node.scalar<int32_t>(i), rank, axis);
}

// The same for operations that work along the last axis if none is given.
inline Status read_axis_or_last(const Node& node, uint32_t i, uint32_t rank, uint32_t* axis) {
  return node.has(i) ? read_axis(node, i, rank, axis) : resolve_axis(node, -1, rank, axis);
}

// The same for operations that do not count from the end.
inline Status read_forward_axis(const Node& node, uint32_t i, uint32_t rank, uint32_t* axis) {
  *axis = 0;
  if (!node.known(i)) return node.later();
  const int32_t value = node.scalar<int32_t>(i);
  if (value < 0) return node.bad("axis %d is outside [0, %u)", value, rank);
  return read_axis(node, i, rank, axis);
}

}  // namespace nnapi::host
