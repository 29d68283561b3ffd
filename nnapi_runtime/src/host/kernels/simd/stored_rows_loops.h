// The loops of multiply_stored (../matmul/stored_rows.h). Each instruction set's file includes this
// once, after defining struct Isa in namespace nnapi::host, within its target region.
//
// Isa has
//   kLanes, Lanes            floats of a vector
//   load_numbers(from, to)   kLanes integers as floats
#pragma once

#include <cstdint>
#include <cstring>

#include "host/kernels/simd/stored_rows.h"

namespace nnapi::host {
namespace {

constexpr int64_t kLanes = Isa::kLanes;
using Lanes = Isa::Lanes;

// Rows at a time: their sums are independent chains of additions.
constexpr int64_t kRows = 4;

inline void add_lanes(const Lanes& lanes, float* to) {
  float parts[kLanes];
  std::memcpy(parts, &lanes, sizeof parts);
  for (int64_t half = kLanes / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < half; ++i) parts[i] += parts[i + half];
  *to = parts[0];
}

// The sums of rows [first, first + Rows) times two vectors or one.
template <int Rows, int Vectors>
inline void multiply_tile(const StoredRows& matrix, int64_t first, const float* x,
                          float sums[Vectors][Rows]) {
  const int64_t columns = matrix.columns, whole = columns - columns % kLanes;
  const int8_t* rows = matrix.data + first * columns;
  Lanes lanes[Vectors][Rows] = {};
  for (int64_t c = 0; c < whole; c += kLanes) {
    Lanes vectors[Vectors], row;
    for (int v = 0; v < Vectors; ++v)
      std::memcpy(&vectors[v], x + v * columns + c, sizeof vectors[v]);
    for (int r = 0; r < Rows; ++r) {
      Isa::load_numbers(rows + r * columns + c, &row);
      for (int v = 0; v < Vectors; ++v) lanes[v][r] += row * vectors[v];
    }
  }
  for (int v = 0; v < Vectors; ++v) {
    for (int r = 0; r < Rows; ++r) {
      add_lanes(lanes[v][r], &sums[v][r]);
      for (int64_t c = whole; c < columns; ++c)
        sums[v][r] += static_cast<float>(rows[r * columns + c]) * x[v * columns + c];
    }
  }
}

template <int RowCount, int Vectors>
inline void multiply_and_store(const StoredProduct& all, int64_t r, int64_t k) {
  const StoredRows& matrix = all.matrix;
  float sums[Vectors][RowCount];
  multiply_tile<RowCount, Vectors>(matrix, r, all.x + k * matrix.columns, sums);
  for (int v = 0; v < Vectors; ++v)
    for (int i = 0; i < RowCount; ++i)
      all.y[(k + v) * matrix.rows + r + i] =
          all.range.clamp(all.bias[r + i] + matrix.scales[r + i] * sums[v][i]);
}

template <int RowCount>
inline void multiply_vectors(const StoredProduct& all, int64_t r) {
  int64_t k = 0;
  for (; k + 2 <= all.count; k += 2) multiply_and_store<RowCount, 2>(all, r, k);
  if (k < all.count) multiply_and_store<RowCount, 1>(all, r, k);
}

inline void multiply(const StoredProduct& all, int64_t begin, int64_t end) {
  int64_t r = begin;
  for (; r + kRows <= end; r += kRows) multiply_vectors<kRows>(all, r);
  for (; r < end; ++r) multiply_vectors<1>(all, r);
}

}  // namespace
}  // namespace nnapi::host
