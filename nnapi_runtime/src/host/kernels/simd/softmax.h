// Softmax of contiguous rows, for the instruction set that includes this; see vectors.h. The
// general one is reference/softmax.h.
#pragma once

#include <utility>

#include "host/kernels/simd/real_functions.h"

namespace nnapi::host {
namespace {

inline Reals larger(Reals a, Reals b) { return a > b ? a : b; }
inline Reals sum_of(Reals a, Reals b) { return a + b; }

// All lanes combined, in every lane: each with that `distance` lanes away, for half of them after
// half.
template <Reals (*combine)(Reals, Reals), int distance, int... lane>
inline Reals across(Reals v, std::integer_sequence<int, lane...> lanes) {
  const Reals once = combine(v, __builtin_shufflevector(v, v, (lane ^ distance)...));
  if constexpr (distance == 1)
    return once;
  else
    return across<combine, distance / 2>(once, lanes);
}

template <Reals (*combine)(Reals, Reals)>
inline float across(Reals v) {
  return across<combine, kLanes / 2>(v, std::make_integer_sequence<int, kLanes>{})[0];
}

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

// Returns the sum of the results.
inline double exponentials(const float* x, float* y, int64_t size, float largest, float beta) {
  constexpr int64_t kPiece = 4096;  // so few that their sum in float32 is as good as they are
  double sum = 0.0;
  for (int64_t first = 0; first < size; first += kPiece) {
    const int64_t end = first + kPiece < size ? first + kPiece : size;
    Reals lanes = {};
    for (int64_t i = first; i < end; i += kLanes) {
      const int64_t n = end - i;
      const Reals result = exponential((load_some<Reals>(x + i, n) - largest) * beta);
      store_some(y + i, result, n);
      lanes += n < kLanes ? first_lanes(result, n) : result;
    }
    sum += static_cast<double>(across<sum_of>(lanes));
  }
  return sum;
}

// One row's largest element is known late, and so is its sum: several rows go through each stage
// together, so that the processor has something to do meanwhile.
void softmax_rows(const SoftmaxRows& t) {
  constexpr int64_t kTogether = 16;
  if (t.size == 0) return;
  for (int64_t first = 0; first < t.rows; first += kTogether) {
    const int64_t rows = t.rows - first < kTogether ? t.rows - first : kTogether;
    const float* x = t.in + first * t.size;
    float* y = t.out + first * t.size;
    float largest[kTogether], inverse[kTogether];
    for (int64_t r = 0; r < rows; ++r) largest[r] = largest_of_row(x + r * t.size, t.size);
    for (int64_t r = 0; r < rows; ++r)
      inverse[r] = static_cast<float>(
          1.0 / exponentials(x + r * t.size, y + r * t.size, t.size, largest[r], t.beta));
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = r * t.size, end = i + t.size; i < end; i += kLanes)
        store_some(y + i, load_some<Reals>(y + i, end - i) * inverse[r], end - i);
  }
}

}  // namespace
}  // namespace nnapi::host
