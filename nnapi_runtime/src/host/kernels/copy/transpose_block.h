// Transposes small squares of elements in registers: reads rows and writes rows, where a plain loop
// would go through memory element by element.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

namespace nnapi::host {

// A square has as many rows as a vector of 16 bytes has elements.
template <class T>
constexpr int64_t kBlockSide = 16 / sizeof(T);

template <class T>
struct BlockRow {
  typedef T Vector __attribute__((vector_size(16)));
  Vector lanes;
};

// The elements of two rows in turn: first halves into `low`, second halves into `high`.
template <class T, int... kLane>
void interleave(const BlockRow<T>& a, const BlockRow<T>& b, BlockRow<T>& low, BlockRow<T>& high,
                std::integer_sequence<int, kLane...>) {
  constexpr int kSide = kBlockSide<T>;
  low.lanes = __builtin_shufflevector(a.lanes, b.lanes, (kLane / 2 + (kLane % 2) * kSide)...);
  high.lanes =
      __builtin_shufflevector(a.lanes, b.lanes, (kSide / 2 + kLane / 2 + (kLane % 2) * kSide)...);
}

// destination[i * destination_step + j] = source[j * source_step + i] for i and j below kBlockSide.
template <class T>
void transpose_block(const T* source, int64_t source_step, T* destination,
                     int64_t destination_step) {
  constexpr int kSide = kBlockSide<T>;
  BlockRow<T> rows[kSide], mixed[kSide];
  for (int i = 0; i < kSide; ++i) std::memcpy(&rows[i], source + i * source_step, 16);
  // A perfect shuffle of all rows, done log2(kSide) times, exchanges rows and columns.
  for (int stage = 1; stage < kSide; stage *= 2) {
    for (int i = 0; i < kSide / 2; ++i)
      interleave(rows[i], rows[i + kSide / 2], mixed[2 * i], mixed[2 * i + 1],
                 std::make_integer_sequence<int, kSide>{});
    std::memcpy(rows, mixed, sizeof rows);
  }
  for (int i = 0; i < kSide; ++i) std::memcpy(destination + i * destination_step, &rows[i], 16);
}

}  // namespace nnapi::host
