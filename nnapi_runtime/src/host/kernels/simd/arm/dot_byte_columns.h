// Rows of a 3x3 depthwise convolution, and strips of others, by dot products of bytes: inputs of
// the three taps of a column, or of four taps, are interleaved. Sixteen channels at a time, of
// blocks as x86/avx512_byte_rows.h and avx512_byte_strip.h have them: there as well, four channels
// from each of four sixteens are beside each other.
#pragma once

#include <arm_neon.h>

#include "host/kernels/simd/arm/neon_bytes.h"

namespace nnapi::host {
namespace {

constexpr int64_t kDepthwiseBlock = 64;  // channels

// The bytes of sixteen channels under up to four taps: vector i has the channels from 4 * i on.
struct InterleavedTaps {
  int8x16_t part[4];

  InterleavedTaps() = default;
  [[gnu::always_inline]] inline InterleavedTaps(int8x16_t a, int8x16_t b, int8x16_t c,
                                                int8x16_t d) {
    const auto low = vreinterpretq_s16_s8(vzip1q_s8(a, b)),
               high = vreinterpretq_s16_s8(vzip2q_s8(a, b)),
               low_end = vreinterpretq_s16_s8(vzip1q_s8(c, d)),
               high_end = vreinterpretq_s16_s8(vzip2q_s8(c, d));
    part[0] = vreinterpretq_s8_s16(vzip1q_s16(low, low_end));
    part[1] = vreinterpretq_s8_s16(vzip2q_s16(low, low_end));
    part[2] = vreinterpretq_s8_s16(vzip1q_s16(high, high_end));
    part[3] = vreinterpretq_s8_s16(vzip2q_s16(high, high_end));
  }
};

[[gnu::always_inline]] inline int32x4_t dot_of(int32x4_t sum, int8x16_t x, int8x16_t w) {
  return reinterpret_cast<int32x4_t>(Isa::dot(reinterpret_cast<Ints>(sum),
                                              reinterpret_cast<Isa::Weights>(w),
                                              reinterpret_cast<Isa::Weights>(x)));
}

// Sixteen channels from c on; the block's biases, factors and weights of these begin at `w`, with
// 64 bytes from one vector of them to the next.
template <bool kWhole>
struct DotColumns {
  const ByteRow t;  // a copy: stores of bytes could change anything that is seen by reference
  int64_t c, n;
  const char* w;
  int8x16_t flip;
  BytePacker pack;
  int8x16_t weights[12];

  DotColumns(const ByteRow& row, const char* block, int64_t channel)
      : t(row),
        c(channel),
        n(row.channels - channel),
        w(block),
        flip(vdupq_n_s8(static_cast<int8_t>(row.flip))),
        pack(row.out) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i)
      weights[i] = vld1q_s8(reinterpret_cast<const int8_t*>(block) + 512 + 64 * i);
  }

  [[gnu::always_inline]] inline int8x16_t load_channels(const uint8_t* p) const {
    return veorq_s8(load_sixteen<kWhole>(p + c, n), flip);
  }
  [[gnu::always_inline]] inline InterleavedTaps column(int64_t ix) const {
    int8x16_t row[3];
    if (ix < 0 || ix >= t.in_width) {
      row[0] = row[1] = row[2] = load_channels(t.padding);
    } else {
#pragma GCC unroll 3
      for (int ky = 0; ky < 3; ++ky) row[ky] = load_channels(t.rows[ky] + ix * t.row_steps[ky]);
    }
    return {row[0], row[1], row[2], row[2]};  // the fourth weight is zero
  }
  [[gnu::always_inline]] inline void put(int64_t ox, const InterleavedTaps& left,
                                         const InterleavedTaps& middle,
                                         const InterleavedTaps& right) const {
    int32x4_t q[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      int32x4_t sum = vld1q_s32(reinterpret_cast<const int32_t*>(w + 64 * i));
      sum = dot_of(sum, left.part[i], weights[i]);
      sum = dot_of(sum, middle.part[i], weights[4 + i]);
      sum = dot_of(sum, right.part[i], weights[8 + i]);
      q[i] = BytePacker::scaled(sum, vld1q_f32(reinterpret_cast<const float*>(w + 256 + 64 * i)));
    }
    store_sixteen<kWhole>(t.output + ox * t.channels + c, pack(q), n);
  }

  void run() const {
    int64_t ix = -t.before;
    InterleavedTaps left = column(ix);
    if (t.stride == 2) {
      for (int64_t ox = 0; ox < t.out_width; ++ox, ix += 2) {
        const InterleavedTaps middle = column(ix + 1), right = column(ix + 2);
        put(ox, left, middle, right);
        left = right;
      }
      return;
    }
    InterleavedTaps middle = column(ix + 1);
    for (int64_t ox = 0; ox < t.out_width; ++ox, ++ix) {
      const InterleavedTaps right = column(ix + 2);
      put(ox, left, middle, right);
      left = middle;
      middle = right;
    }
  }
};

// Where what sixteen channels from c on need begins, in blocks with `vectors` times 64 bytes.
inline const char* sixteen_of(const void* blocks, int64_t c, int64_t vectors) {
  return static_cast<const char*>(blocks) + c / kDepthwiseBlock * 64 * vectors +
         c % kDepthwiseBlock;
}

void dot_byte_row(const ByteRow& t) {
  int64_t c = 0;
  for (; c + 16 <= t.channels; c += 16) DotColumns<true>(t, sixteen_of(t.blocks, c, 20), c).run();
  if (c < t.channels) DotColumns<false>(t, sixteen_of(t.blocks, c, 20), c).run();
}

// P pixels, sixteen channels from c on.
template <int P, bool kWhole>
inline void dot_byte_strip_channels(const ByteStrip& t, const BytePacker& pack, const char* w,
                                    int64_t c) {
  const int64_t n = t.channels - c;
  const int8x16_t flip = vdupq_n_s8(static_cast<int8_t>(t.flip));
  int32x4_t sum[P][4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const int32x4_t bias = vld1q_s32(reinterpret_cast<const int32_t*>(w + 64 * i));
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) sum[p][i] = bias;
  }
  const char* factors = w + 256;
  w += 512;
  for (int64_t tap = 0; tap < t.taps; tap += 4, w += 256) {
    int8x16_t weights[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) weights[i] = vld1q_s8(reinterpret_cast<const int8_t*>(w) + 64 * i);
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      int8x16_t x[4];
      // Beyond the last tap weights are zero.
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const int64_t at = tap + i < t.taps ? tap + i : t.taps - 1;
        x[i] = veorq_s8(load_sixteen<kWhole>(t.inputs[at * kStripPixels + p] + c, n), flip);
      }
      const InterleavedTaps taps(x[0], x[1], x[2], x[3]);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) sum[p][i] = dot_of(sum[p][i], taps.part[i], weights[i]);
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
    int32x4_t q[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
      q[i] = BytePacker::scaled(sum[p][i],
                                vld1q_f32(reinterpret_cast<const float*>(factors + 64 * i)));
    store_sixteen<kWhole>(t.output + p * t.channels + c, pack(q), n);
  }
}

template <int P>
void dot_byte_strip(const ByteStrip& t) {
  if constexpr (P > 1) {
    if (t.pixels < P) return dot_byte_strip<P - 1>(t);
  }
  const BytePacker pack(t.out);
  const int64_t vectors = 8 + (t.taps + 3) / 4 * 4;
  int64_t c = 0;
  for (; c + 16 <= t.channels; c += 16)
    dot_byte_strip_channels<P, true>(t, pack, sixteen_of(t.blocks, c, vectors), c);
  if (c < t.channels)
    dot_byte_strip_channels<P, false>(t, pack, sixteen_of(t.blocks, c, vectors), c);
}

}  // namespace
}  // namespace nnapi::host
