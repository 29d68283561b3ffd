// Softmax of rows that are contiguous float32 numbers, in loops that compilers make vectors of. The
// general one is reference/softmax.h.
#pragma once

#include <algorithm>
#include <limits>

#include "host/exponential.h"
#include "host/vector_loop.h"

namespace nnapi::host {

// Partial results side by side: the compiler may not reorder floating-point arithmetic by itself.
constexpr int64_t kRowLanes = 32;

// NaN if one is.
inline float largest_of_row(const float* x, int64_t size) {
  const auto larger = [](float a, float b) { return b > a || b != b ? b : a; };
  float lanes[kRowLanes];
  std::fill_n(lanes, kRowLanes, std::numeric_limits<float>::lowest());
  int64_t i = 0;
  for (; i + kRowLanes <= size; i += kRowLanes)
    for (int64_t k = 0; k < kRowLanes; ++k) lanes[k] = larger(lanes[k], x[i + k]);
  for (int64_t k = 0; i + k < size; ++k) lanes[k] = larger(lanes[k], x[i + k]);
  float largest = lanes[0];
  for (int64_t k = 1; k < kRowLanes; ++k) largest = larger(largest, lanes[k]);
  return largest;
}

inline double sum_of_row(const float* x, int64_t size) {
  constexpr int64_t kPiece = 4096;  // so few that their sum in float32 is as good as they are
  double sum = 0.0;
  for (int64_t first = 0; first < size; first += kPiece) {
    const int64_t end = std::min(first + kPiece, size);
    float lanes[kRowLanes] = {};
    int64_t i = first;
    for (; i + kRowLanes <= end; i += kRowLanes)
      for (int64_t k = 0; k < kRowLanes; ++k) lanes[k] += x[i + k];
    for (int64_t k = 0; i + k < end; ++k) lanes[k] += x[i + k];
    for (int64_t k = 0; k < kRowLanes; ++k) sum += lanes[k];
  }
  return sum;
}

inline void softmax_rows(ThreadPool& pool, int64_t rows, int64_t size, const float* in, float* out,
                         float beta) {
  constexpr int64_t kGrain = 8192;
  parallel_loop(pool, rows, 1 + kGrain / std::max<int64_t>(size, 1),
                [=](int64_t begin, int64_t end) {
                  for (int64_t row = begin; row < end; ++row) {
                    const float* x = in + row * size;
                    float* y = out + row * size;
                    const float largest = largest_of_row(x, size);
                    for (int64_t i = 0; i < size; ++i) y[i] = exponential((x[i] - largest) * beta);
                    const auto inverse = static_cast<float>(1.0 / sum_of_row(y, size));
                    for (int64_t i = 0; i < size; ++i) y[i] *= inverse;
                  }
                });
}

}  // namespace nnapi::host
