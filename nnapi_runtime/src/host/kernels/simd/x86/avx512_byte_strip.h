// Strips of a depthwise convolution by AVX-512's dot products of bytes: four taps at once.
//
// Weights come in blocks of 64 channels: 64 biases (int32), 64 factors (float), then for each four
// taps (the last four are filled up with zeros) 64 times 4 weights (int8). Interleaving the inputs
// of four taps leaves channels in an order of its own, which byte_strip_channel() tells; packing
// the sums undoes it.
#pragma once

#include <immintrin.h>

#include "host/kernels/simd/x86/avx512_byte_store.h"

namespace nnapi::host {
namespace {

// Adds N taps' products of 64 channels. Their inputs are at x[tap * kStripPixels + pixel].
template <int P, int N>
[[gnu::always_inline]] inline void add_taps(__m512i (&sum)[P][4], const uint8_t* const* x,
                                            int64_t channel, __mmask64 mask, __m512i flip,
                                            const char* w) {
  __m512i weights[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) weights[i] = _mm512_loadu_si512(w + 64 * i);
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
    __m512i tap[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
      tap[i] = i < N ? _mm512_xor_si512(
                           _mm512_maskz_loadu_epi8(mask, x[i * kStripPixels + p] + channel), flip)
                     : _mm512_setzero_si512();
    const __m512i low01 = _mm512_unpacklo_epi8(tap[0], tap[1]);
    const __m512i high01 = _mm512_unpackhi_epi8(tap[0], tap[1]);
    const __m512i low23 = N > 2 ? _mm512_unpacklo_epi8(tap[2], tap[3]) : tap[3];
    const __m512i high23 = N > 2 ? _mm512_unpackhi_epi8(tap[2], tap[3]) : tap[3];
    sum[p][0] = _mm512_dpbusd_epi32(sum[p][0], _mm512_unpacklo_epi16(low01, low23), weights[0]);
    sum[p][1] = _mm512_dpbusd_epi32(sum[p][1], _mm512_unpackhi_epi16(low01, low23), weights[1]);
    sum[p][2] = _mm512_dpbusd_epi32(sum[p][2], _mm512_unpacklo_epi16(high01, high23), weights[2]);
    sum[p][3] = _mm512_dpbusd_epi32(sum[p][3], _mm512_unpackhi_epi16(high01, high23), weights[3]);
  }
}

template <int P>
void byte_dot_strip(const ByteStrip& t) {
  if constexpr (P > 1) {
    if (t.pixels < P) return byte_dot_strip<P - 1>(t);
  }
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(t.flip));
  const BytePacker pack(t.out);
  const auto* w = static_cast<const char*>(t.blocks);
  for (int64_t c = 0; c < t.channels; c += 64) {
    const int64_t n = t.channels - c;
    const __mmask64 mask = n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1;
    __m512i sum[P][4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m512i bias = _mm512_loadu_si512(w + 64 * i);
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) sum[p][i] = bias;
    }
    const char* factors = w + 256;
    w += 512;
    const uint8_t* const* x = t.inputs;
    int64_t tap = 0;
    for (; tap + 4 <= t.taps; tap += 4, w += 256, x += 4 * kStripPixels)
      add_taps<P, 4>(sum, x, c, mask, flip, w);
    if (t.taps - tap == 1) add_taps<P, 1>(sum, x, c, mask, flip, w);
    if (t.taps - tap == 2) add_taps<P, 2>(sum, x, c, mask, flip, w);
    if (t.taps - tap == 3) add_taps<P, 3>(sum, x, c, mask, flip, w);
    if (tap < t.taps) w += 256;
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      __m512i q[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i)
        q[i] = BytePacker::scaled(reinterpret_cast<Ints>(sum[p][i]),
                                  _mm512_loadu_ps(factors + 64 * i));
      _mm512_mask_storeu_epi8(t.output + p * t.channels + c, mask, pack(q[0], q[1], q[2], q[3]));
    }
  }
}

}  // namespace
}  // namespace nnapi::host
