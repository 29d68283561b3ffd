// How a recurrent operation walks through a sequence, forward or backward, whether its memory is
// ordered by time first or by batch first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "host/tensor/tensor.h"

namespace nnapi::host {

// Which of the first two dimensions of a 3-D tensor counts time.
struct SequenceOrder {
  bool time_major;

  uint32_t time(const Shape& shape) const { return shape[time_major ? 0 : 1]; }
  uint32_t batch(const Shape& shape) const { return shape[time_major ? 1 : 0]; }
  Shape shape(uint32_t time, uint32_t batch, uint32_t size) const {
    return time_major ? Shape{time, batch, size} : Shape{batch, time, size};
  }
};

// Vectors by step and batch; step 0 is the one that is computed first. Distances are in elements.
// Backward means: steps begin at the end and their distance is negative.
template <class T>
struct ByteVectors {
  T* first = nullptr;
  ptrdiff_t step_stride = 0, batch_stride = 0;

  // `stride` is the distance between neighbouring vectors in memory.
  static ByteVectors of(T* data, SequenceOrder order, uint32_t time, uint32_t batch,
                        ptrdiff_t stride, bool backward) {
    ByteVectors v{data, order.time_major ? stride * batch : stride,
                  order.time_major ? stride : stride * time};
    if (backward && time > 0 && data) {
      v.first += v.step_stride * (static_cast<ptrdiff_t>(time) - 1);
      v.step_stride = -v.step_stride;
    }
    return v;
  }
  T* at(int64_t step, int64_t batch) const {
    return first + step * step_stride + batch * batch_stride;
  }
};

// The vectors of the last step, one after the other: the state that a cell is left in. With no
// steps at all that is the state which it began with.
inline void copy_last_step(int64_t steps, int64_t batch, int64_t size, const float* state,
                           ByteVectors<float> out, float* to) {
  for (int64_t b = 0; b < batch; ++b)
    std::copy_n(steps > 0 ? out.at(steps - 1, b) : state + b * size, size, to + b * size);
}

}  // namespace nnapi::host
