// Moves elements between two regular grids: the one mover behind TRANSPOSE, SLICE, PAD, TILE,
// SPACE_TO_DEPTH and all the others that only rearrange. It knows element sizes, not types.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "host/tensor/tensor.h"

namespace nnapi::host {

class ThreadPool;

// Distance in elements from one index of dimension i to the next, in row-major order.
std::array<int64_t, kMaxRank> element_strides(const Shape& shape);

class StridedCopy {
 public:
  // element_bytes: 1, 2 or 4.
  explicit StridedCopy(size_t element_bytes) : element_bytes_(element_bytes) {}

  // Adds one loop of the nest: `size` steps, each of `from` elements in the source and `to`
  // elements in the destination. from may be 0 (the same again) or negative (backwards). The order
  // of the loops does not matter. At most kMaxLoops.
  void loop(size_t size, int64_t from, int64_t to);

  // `source` and `destination` are where all indices are 0. Source and destination elements must
  // not overlap; nothing is touched when any loop has size 0.
  void run(ThreadPool& pool, const void* source, void* destination) const;

  static constexpr uint32_t kMaxLoops = 2 * kMaxRank;
  struct Loop {
    int64_t size = 1, from = 0, to = 0;
  };

 private:
  size_t element_bytes_;
  bool empty_ = false;
  uint32_t depth_ = 0;
  std::array<Loop, kMaxLoops> loops_{};
};

// Copies `count` elements from one contiguous place to another.
void copy_elements(ThreadPool& pool, size_t element_bytes, size_t count, const void* source,
                   void* destination);

}  // namespace nnapi::host
