// Products of vectors with a matrix of int8 that has a scale for each row, as its weights are
// stored. The loops are built once for each instruction set (stored_rows_loops.h).
#pragma once

#include <cstdint>

#include "host/arithmetic/activation.h"

namespace nnapi::host {

struct StoredRows {
  const int8_t* data;   // rows one after the other
  const float* scales;  // of each row
  int64_t rows, columns;
};

// y[k][r] = clamp(bias[r] + scales[r] * dot(row r, x[k])) for each of `count` vectors, which follow
// each other as the results do.
struct StoredProduct {
  const StoredRows& matrix;
  const float* bias;
  ClampRange<float> range;
  const float* x;
  float* y;
  int64_t count;
};

// Of rows [begin, end).
using MultiplyStored = void (*)(const StoredProduct& all, int64_t begin, int64_t end);

void multiply_stored_avx2(const StoredProduct& all, int64_t begin, int64_t end);

}  // namespace nnapi::host
