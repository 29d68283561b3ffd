// Sums of the steps of two tensors, by NEON.
#pragma once

#include <arm_neon.h>

#include "host/kernels/simd/arm/neon_bytes.h"

namespace nnapi::host {
namespace {

// Vector i of four numbers.
inline float32x4_t numbers_of(uint8x16_t steps, int i, uint8_t) {
  const uint16x8_t half = i < 2 ? vmovl_u8(vget_low_u8(steps)) : vmovl_high_u8(steps);
  return vcvtq_f32_u32(i % 2 == 0 ? vmovl_u16(vget_low_u16(half)) : vmovl_high_u16(half));
}
inline float32x4_t numbers_of(uint8x16_t steps, int i, int8_t) {
  const int8x16_t bytes = vreinterpretq_s8_u8(steps);
  const int16x8_t half = i < 2 ? vmovl_s8(vget_low_s8(bytes)) : vmovl_high_s8(bytes);
  return vcvtq_f32_s32(i % 2 == 0 ? vmovl_s16(vget_low_s16(half)) : vmovl_high_s16(half));
}

template <class Q>
struct ByteAddition {
  BytePacker pack;
  float32x4_t a_scale, b_scale, offset;

  explicit ByteAddition(const ByteSum& sum)
      : pack(sum.out),
        a_scale(vdupq_n_f32(sum.a_scale)),
        b_scale(vdupq_n_f32(sum.b_scale)),
        offset(vdupq_n_f32(sum.offset)) {}

  [[gnu::always_inline]] int8x16_t operator()(uint8x16_t x, uint8x16_t y) const {
    int32x4_t q[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
      q[i] = vcvtnq_s32_f32(vfmaq_f32(vfmaq_f32(offset, numbers_of(y, i, Q{}), b_scale),
                                      numbers_of(x, i, Q{}), a_scale));
    return pack(q);
  }
};

// A VectorFunction (vector_loop.h): f is a ByteSum.
template <class Q>
void add_steps(const void* f, const void* a, const void* b, void* out, int64_t n) {
  const ByteAddition<Q> sum(*static_cast<const ByteSum*>(f));
  const auto *x = static_cast<const uint8_t*>(a), *y = static_cast<const uint8_t*>(b);
  auto* z = static_cast<uint8_t*>(out);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    store_sixteen<true>(z + i, sum(vld1q_u8(x + i), vld1q_u8(y + i)), 16);
  if (i < n) store_bytes(z + i, sum(load_bytes(x + i, n - i), load_bytes(y + i, n - i)), n - i);
}

}  // namespace
}  // namespace nnapi::host
