// Softmax of contiguous rows, for the instruction set that includes this; see vectors.h. The
// general one is normalisation/softmax.h.
#pragma once

#include "host/kernels/simd/float_functions.h"
#include "host/kernels/simd/sums.h"

namespace nnapi::host {
namespace {

inline Reals larger(Reals a, Reals b) { return a > b ? a : b; }

// The first n lanes, and zeros.
inline Reals first_lanes(Reals v, int64_t n) {
  static const int32_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return load<Ints>(numbers) < static_cast<int32_t>(n) ? v : Reals{};
}

// A NaN may be passed over: it makes the row's sum one.
inline float largest_of_row(const float* x, int64_t size) {
  if (size < kLanes) {
    float largest = x[0];
    for (int64_t i = 1; i < size; ++i) largest = x[i] > largest ? x[i] : largest;
    return largest;
  }
  // The last vector overlaps the one before it.
  Reals largest = load<Reals>(x + size - kLanes);
  for (int64_t i = 0; i + kLanes < size; i += kLanes) largest = larger(load<Reals>(x + i), largest);
  return across<larger>(largest);
}

// The exponentials of one row, and on the way what waits for other rows' results: the row behind is
// multiplied by its inverse, and the largest element of a row ahead is found.
struct RowsUnderway {
  const float *x, *ahead;
  float *y, *behind;
  float largest, inverse;
};

// Returns the sum of the row.
template <bool kBehind>
inline double exponentials(const RowsUnderway& r, int64_t size, float beta, Reals& largest_ahead) {
  constexpr int64_t kPiece = 4096;  // so few that their sum in float32 is as good as they are
  double sum = 0.0;
  for (int64_t first = 0; first < size; first += kPiece) {
    const int64_t end = first + kPiece < size ? first + kPiece : size;
    Reals lanes = {};
    const auto take = [&](int64_t i, int64_t n) __attribute__((always_inline)) {
      if constexpr (kBehind)
        store_some(r.behind + i, load_some<Reals>(r.behind + i, n) * r.inverse, n);
      const Reals result = exponential((load_some<Reals>(r.x + i, n) - r.largest) * beta);
      store_some(r.y + i, result, n);
      lanes += n < kLanes ? first_lanes(result, n) : result;
    };
    int64_t i = first;
    for (; i + kLanes <= end; i += kLanes) {
      take(i, kLanes);
      largest_ahead = larger(load<Reals>(r.ahead + i), largest_ahead);
    }
    if (i < end) take(i, end - i);
    sum += static_cast<double>(across<sum_of<Reals>>(lanes));
  }
  return sum;
}

void softmax_rows(const SoftmaxRows& t) {
  constexpr int64_t kAhead = 2;  // rows, which gives the largest element time to arrive
  if (t.size == 0 || t.rows == 0) return;
  const auto row = [&](int64_t r) { return t.in + (r < t.rows ? r : t.rows - 1) * t.size; };
  float largest[kAhead];
  for (int64_t r = 0; r < kAhead; ++r) largest[r] = largest_of_row(row(r), t.size);
  RowsUnderway now{};
  for (int64_t r = 0; r < t.rows; ++r) {
    now.x = row(r);
    now.ahead = row(r + kAhead);
    now.behind = now.y;
    now.y = t.out + r * t.size;
    now.largest = largest[r % kAhead];
    const bool is_short = t.size < kLanes;
    Reals ahead = is_short ? Reals{} : load<Reals>(now.ahead + t.size - kLanes);
    const double sum = r == 0 ? exponentials<false>(now, t.size, t.beta, ahead)
                              : exponentials<true>(now, t.size, t.beta, ahead);
    largest[r % kAhead] = is_short ? largest_of_row(now.ahead, t.size) : across<larger>(ahead);
    now.inverse = static_cast<float>(1.0 / sum);
  }
  for (int64_t i = 0; i < t.size; i += kLanes)
    store_some(now.y + i, load_some<Reals>(now.y + i, t.size - i) * now.inverse, t.size - i);
}

}  // namespace
}  // namespace nnapi::host
