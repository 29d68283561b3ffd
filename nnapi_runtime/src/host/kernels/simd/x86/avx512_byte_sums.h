// Sums of the steps of two tensors, by AVX-512.
#pragma once

#include <immintrin.h>

#include "host/kernels/simd/x86/avx512_byte_store.h"

namespace nnapi::host {
namespace {

inline __m512 numbers_of(__m128i steps, uint8_t) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(steps));
}
inline __m512 numbers_of(__m128i steps, int8_t) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(steps));
}

// The first elements of 64 that the mask names.
template <class Q>
struct ByteAddition {
  BytePacker pack;
  __m512 a_scale, b_scale, offset;

  explicit ByteAddition(const ByteSum& sum)
      : pack(sum.out),
        a_scale(_mm512_set1_ps(sum.a_scale)),
        b_scale(_mm512_set1_ps(sum.b_scale)),
        offset(_mm512_set1_ps(sum.offset)) {}

  [[gnu::always_inline]] __m512i operator()(const Q* x, const Q* y, __mmask64 mask) const {
    __m512i q[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const auto part = static_cast<__mmask16>(mask >> (16 * v));
      const __m512 a = numbers_of(_mm_maskz_loadu_epi8(part, x + 16 * v), Q{});
      const __m512 b = numbers_of(_mm_maskz_loadu_epi8(part, y + 16 * v), Q{});
      q[v] = _mm512_cvtps_epi32(_mm512_fmadd_ps(a, a_scale, _mm512_fmadd_ps(b, b_scale, offset)));
    }
    return pack.in_order(q);
  }
};

// A VectorFunction (vector_loop.h): f is a ByteSum.
template <class Q>
void add_steps(const void* f, const void* a, const void* b, void* out, int64_t n) {
  const ByteAddition<Q> sum(*static_cast<const ByteSum*>(f));
  const auto *x = static_cast<const Q*>(a), *y = static_cast<const Q*>(b);
  auto* z = static_cast<Q*>(out);
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) _mm512_storeu_si512(z + i, sum(x + i, y + i, ~__mmask64{0}));
  if (i == n) return;
  const __mmask64 rest = (__mmask64{1} << (n - i)) - 1;
  _mm512_mask_storeu_epi8(z + i, rest, sum(x + i, y + i, rest));
}

}  // namespace
}  // namespace nnapi::host
