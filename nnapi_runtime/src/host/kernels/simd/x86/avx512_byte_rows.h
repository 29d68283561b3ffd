// Rows of a 3x3 depthwise convolution by AVX-512's dot products of bytes: the three inputs of a
// column under the window are interleaved once, and serve the three outputs that see them.
//
// Weights come in blocks of 64 channels: 64 biases (int32), 64 factors (float), then for each
// column of the window 64 times 4 weights (int8), the fourth zero. The order of channels is that of
// avx512_byte_strip.h.
#pragma once

#include <immintrin.h>

#include "host/kernels/simd/x86/avx512_byte_store.h"

namespace nnapi::host {
namespace {

// 64 channels of an input column: vector i has channels 4i to 4i + 3 of each quarter.
struct ByteColumn {
  __m512i part[4];

  ByteColumn() = default;
  [[gnu::always_inline]] ByteColumn(__m512i top, __m512i middle, __m512i bottom) {
    const __m512i zero = _mm512_setzero_si512();
    const __m512i low = _mm512_unpacklo_epi8(top, middle);
    const __m512i high = _mm512_unpackhi_epi8(top, middle);
    const __m512i low_end = _mm512_unpacklo_epi8(bottom, zero);
    const __m512i high_end = _mm512_unpackhi_epi8(bottom, zero);
    part[0] = _mm512_unpacklo_epi16(low, low_end);
    part[1] = _mm512_unpackhi_epi16(low, low_end);
    part[2] = _mm512_unpacklo_epi16(high, high_end);
    part[3] = _mm512_unpackhi_epi16(high, high_end);
  }
};

// One block of channels, beginning with channel c.
struct ByteRowBlock {
  const ByteRow t;  // a copy: stores of bytes could change anything that is seen by reference
  int64_t c;
  const char* w;
  __mmask64 mask;
  __m512i flip;
  BytePacker pack;
  __m512i weights[12];

  ByteRowBlock(const ByteRow& row, const char* block, int64_t channel)
      : t(row),
        c(channel),
        w(block),
        mask(row.channels - channel >= 64 ? ~__mmask64{0}
                                          : (__mmask64{1} << (row.channels - channel)) - 1),
        flip(_mm512_set1_epi8(static_cast<char>(row.flip))),
        pack(row.out) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) weights[i] = _mm512_loadu_si512(block + 512 + 64 * i);
  }

  [[gnu::always_inline]] __m512i load_row(int ky, int64_t ix) const {
    return _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, t.rows[ky] + ix * t.row_steps[ky] + c),
                            flip);
  }
  [[gnu::always_inline]] ByteColumn column(int64_t ix) const {
    if (ix < 0 || ix >= t.in_width) {
      const __m512i padding = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, t.padding + c), flip);
      return ByteColumn(padding, padding, padding);
    }
    return ByteColumn(load_row(0, ix), load_row(1, ix), load_row(2, ix));
  }
  [[gnu::always_inline]] void put(int64_t ox, const ByteColumn& left, const ByteColumn& middle,
                                  const ByteColumn& right) const {
    const char* factors = w + 256;
    __m512i q[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      __m512i sum = _mm512_loadu_si512(w + 64 * i);
      sum = _mm512_dpbusd_epi32(sum, left.part[i], weights[i]);
      sum = _mm512_dpbusd_epi32(sum, middle.part[i], weights[4 + i]);
      sum = _mm512_dpbusd_epi32(sum, right.part[i], weights[8 + i]);
      q[i] = BytePacker::scaled(reinterpret_cast<Ints>(sum), _mm512_loadu_ps(factors + 64 * i));
    }
    _mm512_mask_storeu_epi8(t.output + ox * t.channels + c, mask, pack(q[0], q[1], q[2], q[3]));
  }

  [[gnu::always_inline]] void run() const {
    int64_t ix = -t.before, ox = 0;
    ByteColumn left = column(ix);
    if (t.stride == 2) {
      for (; ox < t.out_width; ++ox, ix += 2) {
        const ByteColumn middle = column(ix + 1), right = column(ix + 2);
        put(ox, left, middle, right);
        left = right;
      }
      return;
    }
    ByteColumn middle = column(ix + 1);
    for (; ox + 3 <= t.out_width; ox += 3, ix += 3) {
      const ByteColumn right = column(ix + 2);
      put(ox, left, middle, right);
      left = column(ix + 3);
      put(ox + 1, middle, right, left);
      middle = column(ix + 4);
      put(ox + 2, right, left, middle);
    }
    // Rotated as often as there are columns: left and middle are in their places again.
    for (; ox < t.out_width; ++ox, ++ix) {
      const ByteColumn right = column(ix + 2);
      put(ox, left, middle, right);
      left = middle;
      middle = right;
    }
  }
};

void byte_row(const ByteRow& t) {
  const auto* w = static_cast<const char*>(t.blocks);
  constexpr int64_t kBlockBytes = 64 * (4 + 4 + 12);
  for (int64_t c = 0; c < t.channels; c += 64, w += kBlockBytes) ByteRowBlock(t, w, c).run();
}

}  // namespace
}  // namespace nnapi::host
