#include "host/kernels/matmul/matrix_vector.h"

#include <algorithm>
#include <cstring>

#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

// Eight partial sums: as many as an AVX register holds, and two SSE registers.
typedef float Lanes __attribute__((vector_size(32)));
constexpr int64_t kLanes = 8;

[[gnu::always_inline]] inline void load(const float* from, Lanes* to) {
  std::memcpy(to, from, sizeof(Lanes));
}

// Rows by vectors at a time: each piece that is loaded is used several times, and the sums are
// independent chains of additions that keep the processor's adders busy.
constexpr int kRows = 4;
typedef float Quad __attribute__((vector_size(16)));

// The sum of each of four.
[[gnu::always_inline]] inline void add_lanes(const Lanes* four, Quad* to) {
  Quad half[kRows];
  for (int r = 0; r < kRows; ++r)
    half[r] = __builtin_shufflevector(four[r], four[r], 0, 1, 2, 3) +
              __builtin_shufflevector(four[r], four[r], 4, 5, 6, 7);
  const auto pairs = [](const Quad& a, const Quad& b, Quad* sum) {
    *sum = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
  };
  Quad first, second;
  pairs(half[0], half[1], &first);
  pairs(half[2], half[3], &second);
  *to = __builtin_shufflevector(first, second, 0, 1, 4, 5) +
        __builtin_shufflevector(first, second, 2, 3, 6, 7);
}

template <int Rows, int Vectors>
[[gnu::always_inline]] inline void accumulate_tile(const float* matrix, int64_t columns,
                                                   VectorRows x, MutableVectorRows y) {
  const int64_t whole = columns - columns % kLanes;
  Lanes sums[Vectors][kRows] = {};
  for (int64_t c = 0; c < whole; c += kLanes) {
    Lanes vector[Vectors], row;
    for (int v = 0; v < Vectors; ++v) load(x.data + v * x.stride + c, &vector[v]);
    for (int r = 0; r < Rows; ++r) {
      load(matrix + r * columns + c, &row);
      for (int v = 0; v < Vectors; ++v) sums[v][r] += row * vector[v];
    }
  }
  for (int v = 0; v < Vectors; ++v) {
    Quad totals;
    add_lanes(sums[v], &totals);
    for (int64_t c = whole; c < columns; ++c)
      for (int r = 0; r < Rows; ++r)
        totals[r] += x.data[v * x.stride + c] * matrix[r * columns + c];
    for (int r = 0; r < Rows; ++r) y.data[v * y.stride + r] += totals[r];
  }
}

template <int Vectors>
[[gnu::always_inline]] inline void accumulate_rows(const float* matrix, int64_t rows,
                                                   int64_t columns, VectorRows x,
                                                   MutableVectorRows y) {
  int64_t r = 0;
  for (; r + kRows <= rows; r += kRows)
    accumulate_tile<kRows, Vectors>(matrix + r * columns, columns, x, {y.data + r, y.stride});
  for (; r < rows; ++r)
    accumulate_tile<1, Vectors>(matrix + r * columns, columns, x, {y.data + r, y.stride});
}

[[gnu::always_inline]] inline void accumulate(const float* matrix, int64_t rows, int64_t columns,
                                              VectorRows x, MutableVectorRows y, int64_t count) {
  int64_t k = 0;
  for (; k + 2 <= count; k += 2)
    accumulate_rows<2>(matrix, rows, columns, {x.data + k * x.stride, x.stride},
                       {y.data + k * y.stride, y.stride});
  if (k < count)
    accumulate_rows<1>(matrix, rows, columns, {x.data + k * x.stride, x.stride},
                       {y.data + k * y.stride, y.stride});
}

using Accumulate = void (*)(const float*, int64_t, int64_t, VectorRows, MutableVectorRows, int64_t);

void accumulate_portable(const float* matrix, int64_t rows, int64_t columns, VectorRows x,
                         MutableVectorRows y, int64_t count) {
  accumulate(matrix, rows, columns, x, y, count);
}

#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] void accumulate_avx2(const float* matrix, int64_t rows, int64_t columns,
                                                 VectorRows x, MutableVectorRows y, int64_t count) {
  accumulate(matrix, rows, columns, x, y, count);
}

Accumulate best_for_this_processor() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? accumulate_avx2
                                                                         : accumulate_portable;
}
#else
Accumulate best_for_this_processor() { return accumulate_portable; }
#endif

}  // namespace

void accumulate_products(ThreadPool& pool, const float* matrix, int64_t rows, int64_t columns,
                         VectorRows x, MutableVectorRows y, int64_t count) {
  static const Accumulate kernel = best_for_this_processor();
  if (rows <= 0 || columns <= 0 || count <= 0) return;
  // A piece is worth waking a thread for, and small enough to stay in the cache while all the
  // vectors go through it.
  constexpr int64_t kPiece = 32 * 1024;
  const int64_t work = columns * std::min<int64_t>(count, 8);
  const int64_t grain = std::max<int64_t>(4, kPiece / work / 4 * 4);
  parallel_for(pool, rows, grain, [&](int64_t begin, int64_t end) {
    kernel(matrix + begin * columns, end - begin, columns, x, {y.data + begin, y.stride}, count);
  });
}

}  // namespace nnapi::host
