// What instruction sets with dot products of bytes share (FEAT_DotProd). Included within the target
// region of such a set, before its struct Isa.
#pragma once

#include "host/kernels/simd/arm/neon_vectors.h"

namespace nnapi::host {
namespace {

// Bytes in fours of input channels.
struct DotProductVectors : NeonVectors {
  static constexpr int kGroup = 4, kInputGroups = 4;
  static constexpr int kByteRows[] = {8, 8, 7, 6};
  typedef int8_t Weights __attribute__((vector_size(16)));
  typedef Weights Inputs;  // of kInputGroups groups

  static Weights load_weights(const int8_t* p) { return reinterpret_cast<Weights>(vld1q_s8(p)); }
  static Weights inputs(const uint8_t* p) {
    int32_t four;
    std::memcpy(&four, p, sizeof four);
    return reinterpret_cast<Weights>(vdupq_n_s32(four));
  }
  static Weights inputs_end(const uint8_t* p, int n, int64_t) {
    uint32_t four = p[0];
    if (n > 1) four |= static_cast<uint32_t>(p[1]) << 8;
    if (n > 2) four |= static_cast<uint32_t>(p[2]) << 16;
    return reinterpret_cast<Weights>(vdupq_n_u32(four));
  }
  static Weights flips(uint8_t flip) { return reinterpret_cast<Weights>(vdupq_n_u8(flip)); }
  static Ints dot(Ints sum, Weights weights, Weights inputs) {
    asm("sdot %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(weights), "w"(inputs));
    return sum;
  }
  static Inputs load_inputs(const uint8_t* p) { return reinterpret_cast<Inputs>(vld1q_u8(p)); }
  // In order, as add_channels.
  template <int U, int R, class Sum>
  [[gnu::always_inline]] static inline void add_groups(Sum (&sum)[U][R], const int8_t* w,
                                                       const Inputs (&inputs)[R]) {
    Weights weights[2] = {load_in_order<Weights>(w)};
    add_groups(sum, w, inputs, weights,
               std::make_integer_sequence<int, kInputGroups * Sum::kWhole>());
  }

 private:
  template <int U, int R, class Sum, int... vector>
  [[gnu::always_inline]] static inline void add_groups(Sum (&sum)[U][R], const int8_t* w,
                                                       const Inputs (&inputs)[R],
                                                       Weights (&weights)[2],
                                                       std::integer_sequence<int, vector...>) {
    (add_weights<vector>(sum, w, inputs, weights), ...);
  }
  template <int vector, int U, int R, class Sum>
  [[gnu::always_inline]] static inline void add_weights(Sum (&sum)[U][R], const int8_t* w,
                                                        const Inputs (&inputs)[R],
                                                        Weights (&weights)[2]) {
    constexpr int V = Sum::kWhole, group = vector / V;
    if constexpr (vector + 1 < V * kInputGroups)
      weights[(vector + 1) % 2] = load_in_order<Weights>(w + 16 * (vector + 1));
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
      asm volatile("sdot %0.4s, %1.16b, %2.4b[%3]"
                   : "+w"(sum[group % U][r].whole[vector % V])
                   : "w"(weights[vector % 2]), "w"(inputs[r]), "i"(group));
  }
};

}  // namespace
}  // namespace nnapi::host
