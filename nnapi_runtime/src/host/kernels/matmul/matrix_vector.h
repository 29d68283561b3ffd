// Products of one matrix with vectors: the arithmetic of recurrent cells.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nnapi::host {

class ThreadPool;

// Vectors at equal distances (in elements; may be negative) from each other.
struct VectorRows {
  const float* data;
  ptrdiff_t stride;
};
struct MutableVectorRows {
  float* data;
  ptrdiff_t stride;
};

// y[k][r] += dot(matrix[r], x[k]) for each of `count` vectors k and each of `rows` rows r. Rows of
// the matrix are `columns` long and follow each other. x and y must not overlap.
void accumulate_products(ThreadPool& pool, const float* matrix, int64_t rows, int64_t columns,
                         VectorRows x, MutableVectorRows y, int64_t count);

}  // namespace nnapi::host
