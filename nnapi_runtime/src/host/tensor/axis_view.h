// A tensor as seen from one of its axes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "host/tensor/tensor.h"

namespace nnapi::host {

// As [outer, size, inner], where the middle dimension is the axis.
struct AxisView {
  size_t outer = 0, size = 0, inner = 0;

  static AxisView of(const Shape& shape, uint32_t axis) {
    return {shape.count(0, axis), shape[axis], shape.count(axis + 1, shape.rank())};
  }
};

}  // namespace nnapi::host
