#include "host/kernels/matrix_vector.h"

#include <algorithm>
#include <cstring>

#include "host/thread_pool.h"

namespace nnapi::host {
namespace {

// Eight partial sums: as many as an AVX register holds, and two SSE registers.
typedef float Lanes __attribute__((vector_size(32)));
constexpr int64_t kLanes = 8;

[[gnu::always_inline]] inline void load(const float* from, Lanes* to) {
  std::memcpy(to, from, sizeof(Lanes));
}

[[gnu::always_inline]] inline void add_lanes(const Lanes& lanes, float* to) {
  *to += ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
         ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

// Four rows at a time: each piece of x that is loaded is used four times, and four independent
// chains of additions keep the processor's adders busy.
[[gnu::always_inline]] inline void accumulate_rows(const float* matrix, int64_t rows,
                                                   int64_t columns, const float* x, float* y) {
  const int64_t whole = columns - columns % kLanes;
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float* m0 = matrix + r * columns;
    const float *m1 = m0 + columns, *m2 = m1 + columns, *m3 = m2 + columns;
    Lanes s0{}, s1{}, s2{}, s3{}, a, b;
    for (int64_t c = 0; c < whole; c += kLanes) {
      load(x + c, &a);
      load(m0 + c, &b), s0 += a * b;
      load(m1 + c, &b), s1 += a * b;
      load(m2 + c, &b), s2 += a * b;
      load(m3 + c, &b), s3 += a * b;
    }
    float tail[4] = {};
    for (int64_t c = whole; c < columns; ++c) {
      tail[0] += x[c] * m0[c];
      tail[1] += x[c] * m1[c];
      tail[2] += x[c] * m2[c];
      tail[3] += x[c] * m3[c];
    }
    add_lanes(s0, tail), add_lanes(s1, tail + 1), add_lanes(s2, tail + 2), add_lanes(s3, tail + 3);
    for (int64_t k = 0; k < 4; ++k) y[r + k] += tail[k];
  }
  for (; r < rows; ++r) {
    const float* m = matrix + r * columns;
    Lanes s{}, a, b;
    for (int64_t c = 0; c < whole; c += kLanes) load(x + c, &a), load(m + c, &b), s += a * b;
    float tail = 0.0f;
    for (int64_t c = whole; c < columns; ++c) tail += x[c] * m[c];
    add_lanes(s, &tail);
    y[r] += tail;
  }
}

using AccumulateRows = void (*)(const float*, int64_t, int64_t, const float*, float*);

void accumulate_rows_portable(const float* matrix, int64_t rows, int64_t columns, const float* x,
                              float* y) {
  accumulate_rows(matrix, rows, columns, x, y);
}

#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] void accumulate_rows_avx2(const float* matrix, int64_t rows,
                                                      int64_t columns, const float* x, float* y) {
  accumulate_rows(matrix, rows, columns, x, y);
}

AccumulateRows best_for_this_processor() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? accumulate_rows_avx2
                                                                         : accumulate_rows_portable;
}
#else
AccumulateRows best_for_this_processor() { return accumulate_rows_portable; }
#endif

}  // namespace

void accumulate_products(ThreadPool& pool, const float* matrix, int64_t rows, int64_t columns,
                         VectorRows x, MutableVectorRows y, int64_t count) {
  static const AccumulateRows kernel = best_for_this_processor();
  if (rows <= 0 || columns <= 0 || count <= 0) return;
  // A piece is worth waking a thread for, and small enough to stay in the cache while all the
  // vectors go through it.
  constexpr int64_t kPiece = 32 * 1024;
  const int64_t work = columns * std::min<int64_t>(count, 8);
  const int64_t grain = std::max<int64_t>(4, kPiece / work / 4 * 4);
  parallel_for(pool, rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t k = 0; k < count; ++k)
      kernel(matrix + begin * columns, end - begin, columns, x.data + k * x.stride,
             y.data + k * y.stride + begin);
  });
}

}  // namespace nnapi::host
