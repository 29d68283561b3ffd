// A matrix in any order, as rows of float32 beside each other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "host/base/float16.h"
#include "host/kernels/copy/transpose_block.h"

namespace nnapi::host {

// Distances in elements between neighbours.
struct MatrixSteps {
  int64_t row, column;
};

// to[r * width + c] is from[r * step.row + c * step.column] for c < columns, and 0 up to width.
template <class T>
void copy_matrix(const T* from, int64_t rows, int64_t columns, MatrixSteps step, float* to,
                 int64_t width) {
  const auto copy_one_by_one = [&](int64_t first_row, int64_t end_row, int64_t first, int64_t end) {
    for (int64_t r = first_row; r < end_row; ++r)
      for (int64_t c = first; c < end; ++c)
        to[r * width + c] = to_float(from[r * step.row + c * step.column]);
  };
  if (columns < width)
    for (int64_t r = 0; r < rows; ++r)
      std::fill(to + r * width + columns, to + (r + 1) * width, 0.0f);
  if constexpr (std::is_same_v<T, float>) {
    if (step.column == 1) {
      for (int64_t r = 0; r < rows; ++r)
        std::memcpy(to + r * width, from + r * step.row,
                    static_cast<size_t>(columns) * sizeof(float));
      return;
    }
    if (step.row == 1) {
      constexpr int64_t kSide = kBlockSide<float>;
      const int64_t whole_rows = rows / kSide * kSide, whole = columns / kSide * kSide;
      for (int64_t c = 0; c < whole; c += kSide)
        for (int64_t r = 0; r < whole_rows; r += kSide)
          transpose_block(from + c * step.column + r, step.column, to + r * width + c, width);
      copy_one_by_one(0, whole_rows, whole, columns);
      copy_one_by_one(whole_rows, rows, 0, columns);
      return;
    }
  }
  copy_one_by_one(0, rows, 0, columns);
}

}  // namespace nnapi::host
