// Sixteen bytes in a register: parts of them loaded and stored, and sums made into them.
#pragma once

#include <arm_neon.h>

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

// Four vectors of sums times factors, rounded to the nearest (even) integers and saturated to
// bytes.
struct BytePacker {
  int16x8_t zero;
  int8x16_t low, high, flip;

  explicit BytePacker(const ByteOutput& out)
      : zero(vdupq_n_s16(static_cast<int16_t>(out.zero_point))),
        low(vdupq_n_s8(static_cast<int8_t>(out.range.low))),
        high(vdupq_n_s8(static_cast<int8_t>(out.range.high))),
        flip(vdupq_n_s8(static_cast<int8_t>(out.flip))) {}

  // No product leaves the range of an integer: sums_fit() in quantized_sums.h.
  [[gnu::always_inline]] static inline int32x4_t scaled(int32x4_t sums, float32x4_t factors) {
    return vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sums), factors));
  }
  [[gnu::always_inline]] inline int8x16_t operator()(const int32x4_t (&q)[4]) const {
    const int16x8_t first = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(q[0]), q[1]), zero);
    const int16x8_t second = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(q[2]), q[3]), zero);
    const int8x16_t bytes = vqmovn_high_s16(vqmovn_s16(first), second);
    return veorq_s8(vminq_s8(vmaxq_s8(bytes, low), high), flip);
  }
};

// The first n of eight bytes, 0 < n < 8, by reads that may overlap.
[[gnu::always_inline]] inline uint64_t load_word(const uint8_t* p, int64_t n) {
  if (n >= 4)
    return load<uint32_t>(p) | static_cast<uint64_t>(load<uint32_t>(p + n - 4)) << (8 * (n - 4));
  if (n >= 2)
    return load<uint16_t>(p) | static_cast<uint64_t>(load<uint16_t>(p + n - 2)) << (8 * (n - 2));
  return *p;
}

// The first n bytes, 0 < n < 16, and zeros.
[[gnu::always_inline]] inline uint8x16_t load_bytes(const uint8_t* p, int64_t n) {
  if (n < 8)
    return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(load_word(p, n)), vcreate_u64(0)));
  const uint64_t rest = n > 8 ? load<uint64_t>(p + n - 8) >> (8 * (16 - n)) : 0;
  return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(load<uint64_t>(p)), vcreate_u64(rest)));
}

// The first n bytes, 0 < n < 16.
[[gnu::always_inline]] inline void store_bytes(uint8_t* to, int8x16_t bytes, int64_t n) {
  const uint64x2_t words = vreinterpretq_u64_s8(bytes);
  uint64_t word = vgetq_lane_u64(words, 0);
  if (n & 8) {
    store(to, word);
    to += 8;
    word = vgetq_lane_u64(words, 1);
  }
  if (n & 4) {
    store(to, static_cast<uint32_t>(word));
    to += 4;
    word >>= 32;
  }
  if (n & 2) {
    store(to, static_cast<uint16_t>(word));
    to += 2;
    word >>= 16;
  }
  if (n & 1) *to = static_cast<uint8_t>(word);
}

template <bool kWhole>
[[gnu::always_inline]] inline int8x16_t load_sixteen(const uint8_t* p, int64_t n) {
  return vreinterpretq_s8_u8(kWhole ? vld1q_u8(p) : load_bytes(p, n));
}
template <bool kWhole>
[[gnu::always_inline]] inline void store_sixteen(uint8_t* to, int8x16_t bytes, int64_t n) {
  if (kWhole)
    vst1q_s8(reinterpret_cast<int8_t*>(to), bytes);
  else
    store_bytes(to, bytes, n);
}

// The sums of a tile's row to steps.
template <int V>
struct Isa::ByteStore {
  BytePacker pack;
  const float* factors;
  int64_t columns;

  ByteStore(const void* from, const ByteOutput& out, int n)
      : pack(out), factors(static_cast<const float*>(from)), columns(n) {}

  [[gnu::always_inline]] inline void operator()(uint8_t* to, const Ints (&sums)[V]) const {
    int32x4_t q[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v)
      q[v] = v < V ? BytePacker::scaled(reinterpret_cast<int32x4_t>(sums[v < V ? v : 0]),
                                        vld1q_f32(factors + (v < V ? v : 0) * kLanes))
                   : q[0];
    const int8x16_t bytes = pack(q);
    if (columns == 16)
      store_sixteen<true>(to, bytes, columns);
    else
      store_bytes(to, bytes, columns);
  }
};

}  // namespace
}  // namespace nnapi::host
