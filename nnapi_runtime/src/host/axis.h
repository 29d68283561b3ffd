// An axis of a tensor: its number as models give it, and the tensor as seen from it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "host/operation.h"

namespace nnapi::host {

// Negative axes count from the end.
inline Status check_axis(const Node& node, int32_t axis, uint32_t rank) {
  const int64_t least = -int64_t{rank};
  if (axis >= least && axis < -least) return kOk;
  return node.bad("axis %d, must be at least -%u and less than %u", axis, rank, rank);
}

// The axis counted from the first; it has passed check_axis.
inline uint32_t wrap_axis(int32_t axis, uint32_t rank) {
  return axis < 0 ? static_cast<uint32_t>(axis + static_cast<int32_t>(rank))
                  : static_cast<uint32_t>(axis);
}

// The tensor as [outer, size, inner], where the middle dimension is the axis.
struct AxisView {
  size_t outer = 0, size = 0, inner = 0;

  static AxisView of(const Shape& shape, uint32_t axis) {
    return {shape.count(0, axis), shape[axis], shape.count(axis + 1, shape.rank())};
  }
};

}  // namespace nnapi::host
