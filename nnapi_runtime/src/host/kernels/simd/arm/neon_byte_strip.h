// Strips of a depthwise convolution of 8-bit steps by NEON: four blocks of weights at once, inputs
// and weights as 16-bit numbers, which both fit with zero points taken off.
#pragma once

#include <arm_neon.h>

#include "host/kernels/simd/arm/neon_bytes.h"

namespace nnapi::host {
namespace {

// Up to sixteen channels from c on; block i has the channels from 4 * i on.
template <int P, bool kWhole>
inline void neon_byte_strip_blocks(const ByteStrip& t, const BytePacker& pack,
                                   const char* const (&blocks)[4], int64_t c) {
  const int64_t n = t.channels - c;
  const int8x16_t flip = vdupq_n_s8(static_cast<int8_t>(t.flip));
  int32x4_t sum[P][4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const int32x4_t bias = vld1q_s32(reinterpret_cast<const int32_t*>(blocks[i]));
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) sum[p][i] = bias;
  }
  int64_t at = 2 * sizeof(Ints);
  for (int64_t tap = 0; tap < t.taps; ++tap, at += sizeof(Ints)) {
    const auto numbers = [&](int i) __attribute__((always_inline)) {
      return vld1q_s16(reinterpret_cast<const int16_t*>(blocks[i] + at));
    };
    // The lower halves of 32 bits.
    const int16x8_t first = vuzp1q_s16(numbers(0), numbers(1)),
                    second = vuzp1q_s16(numbers(2), numbers(3));
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      const int8x16_t x =
          veorq_s8(load_sixteen<kWhole>(t.inputs[tap * kStripPixels + p] + c, n), flip);
      const int16x8_t low = vmovl_s8(vget_low_s8(x)), high = vmovl_high_s8(x);
      sum[p][0] = vmlal_s16(sum[p][0], vget_low_s16(low), vget_low_s16(first));
      sum[p][1] = vmlal_high_s16(sum[p][1], low, first);
      sum[p][2] = vmlal_s16(sum[p][2], vget_low_s16(high), vget_low_s16(second));
      sum[p][3] = vmlal_high_s16(sum[p][3], high, second);
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
    int32x4_t q[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
      q[i] = BytePacker::scaled(
          sum[p][i], vld1q_f32(reinterpret_cast<const float*>(blocks[i] + sizeof(Ints))));
    store_sixteen<kWhole>(t.output + p * t.channels + c, pack(q), n);
  }
}

template <int P>
void neon_byte_strip(const ByteStrip& t) {
  if constexpr (P > 1) {
    if (t.pixels < P) return neon_byte_strip<P - 1>(t);
  }
  const int64_t block = (2 + t.taps) * static_cast<int64_t>(sizeof(Ints));
  const BytePacker pack(t.out);
  const auto* w = static_cast<const char*>(t.blocks);
  int64_t c = 0;
  for (; c + 16 <= t.channels; c += 16, w += 4 * block)
    neon_byte_strip_blocks<P, true>(t, pack, {w, w + block, w + 2 * block, w + 3 * block}, c);
  if (c == t.channels) return;
  // There may be fewer blocks; what the last one makes in place of others is not stored.
  const char* last = w + (t.channels - c - 1) / kLanes * block;
  const auto at = [&](int i) { return w + i * block < last ? w + i * block : last; };
  neon_byte_strip_blocks<P, false>(t, pack, {w, at(1), at(2), last}, c);
}

}  // namespace
}  // namespace nnapi::host
