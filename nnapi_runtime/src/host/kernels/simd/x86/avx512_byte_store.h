// Sums to steps by AVX-512: all vectors of a row are packed into one, which is stored at once.
#pragma once

#include <immintrin.h>

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

// Four vectors of sums times factors, rounded to the nearest (even) integers and saturated to
// bytes. Within each quarter of the result come four from each vector, in turn.
struct BytePacker {
  __m512i zero, low, high, flip;

  explicit BytePacker(const ByteOutput& out)
      : zero(_mm512_set1_epi16(static_cast<short>(out.zero_point))),
        low(_mm512_set1_epi8(static_cast<char>(out.range.low))),
        high(_mm512_set1_epi8(static_cast<char>(out.range.high))),
        flip(_mm512_set1_epi8(static_cast<char>(out.flip))) {}

  // No product leaves the range of an integer: sums_fit() in quantized_sums.h.
  static __m512i scaled(Ints sums, __m512 factors) {
    return _mm512_cvtps_epi32(
        _mm512_mul_ps(_mm512_cvtepi32_ps(reinterpret_cast<__m512i>(sums)), factors));
  }
  // The same, of elements beside each other.
  __m512i in_order(const __m512i (&q)[4]) const {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, (*this)(q[0], q[1], q[2], q[3]));
  }
  __m512i operator()(__m512i a, __m512i b, __m512i c, __m512i d) const {
    const __m512i ab = _mm512_adds_epi16(_mm512_packs_epi32(a, b), zero);
    const __m512i cd = _mm512_adds_epi16(_mm512_packs_epi32(c, d), zero);
    const __m512i bytes = _mm512_packs_epi16(ab, cd);
    return _mm512_xor_si512(_mm512_min_epi8(_mm512_max_epi8(bytes, low), high), flip);
  }
};

template <int V>
struct Isa::ByteStore {
  BytePacker pack;
  __m512 factors[V];
  __mmask64 mask;
  bool whole;

  ByteStore(const void* from, const ByteOutput& out, int columns)
      : pack(out),
        mask(columns >= 64 ? ~__mmask64{0} : (__mmask64{1} << columns) - 1),
        whole(columns == V * kLanes) {
    // The last vector may be half of one.
    for (int v = 0; v < V; ++v)
      factors[v] = reinterpret_cast<__m512>(
          load_some<Reals>(static_cast<const float*>(from) + v * kLanes, columns - v * kLanes));
  }

  [[gnu::always_inline]] void operator()(uint8_t* to, const Ints (&sums)[V]) const {
    __m512i q[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v)
      q[v] = v < V ? BytePacker::scaled(sums[v < V ? v : 0], factors[v < V ? v : 0]) : q[0];
    const __m512i bytes = pack.in_order(q);
    if (!whole) {
      _mm512_mask_storeu_epi8(to, mask, bytes);
    } else if constexpr (V == 4) {
      _mm512_storeu_si512(to, bytes);
    } else {
      if constexpr (V >= 2)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(bytes));
      if constexpr (V % 2 == 1)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + (V - 1) * kLanes),
                         _mm512_extracti32x4_epi32(bytes, V - 1));
    }
  }
};

}  // namespace
}  // namespace nnapi::host
