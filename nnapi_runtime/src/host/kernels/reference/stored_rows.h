// The plain twin of kernels/matmul/stored_rows.h.
#pragma once

#include "host/kernels/simd/stored_rows.h"

namespace nnapi::host::reference {

inline void multiply_stored(const StoredProduct& all) {
  const StoredRows& matrix = all.matrix;
  for (int64_t k = 0; k < all.count; ++k) {
    for (int64_t r = 0; r < matrix.rows; ++r) {
      double sum = 0;
      for (int64_t c = 0; c < matrix.columns; ++c)
        sum += static_cast<double>(matrix.scales[r]) * matrix.data[r * matrix.columns + c] *
               static_cast<double>(all.x[k * matrix.columns + c]);
      all.y[k * matrix.rows + r] = all.range.clamp(static_cast<float>(sum + all.bias[r]));
    }
  }
}

}  // namespace nnapi::host::reference
