// What the instruction sets of 64-bit Arm share: vectors of four floats, and inputs that are loaded
// several at once, since multiplications take one of them by its lane. Included within the target
// region of such a set, before its struct Isa.
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>
#include <utility>

#include "host/arithmetic/exponential_method.h"

namespace nnapi::host {
namespace {

struct NeonVectors {
  static constexpr int kLanes = 4;
  static constexpr bool kHalves = false, kSignedInputs = true;
  // Of 32 registers, sums take 24 at most; the others are the inputs of a tile, and a weight.
  static constexpr int kFloatInputs = 4;
  static constexpr int kRealRows[] = {8, 8, 7, 6};

  typedef float Reals __attribute__((vector_size(16)));
  typedef int32_t Ints __attribute__((vector_size(16)));
  typedef double Doubles __attribute__((vector_size(16)));

  static Doubles load_doubles(const float* from) {
    return reinterpret_cast<Doubles>(vcvt_f64_f32(vld1_f32(from)));
  }

  template <class V>
  static V load_part(const float* from, int64_t n) {
    uint64_t words[2] = {};
    if (n & 2) std::memcpy(&words[0], from, 8);
    if (n & 1) std::memcpy(&words[n >> 1], from + (n & 2), 4);
    return load_words<V>(words[0], words[1]);
  }
  template <class V>
  static V load_part(const uint8_t* from, int64_t n) {
    uint32_t word = 0;
    for (int64_t i = 0; i < n; ++i) word |= static_cast<uint32_t>(from[i]) << (8 * i);
    return __builtin_bit_cast(V, word);
  }
  static void store_part(float* to, Reals v, int64_t n) {
    if (n & 2) std::memcpy(to, &v, 8);
    if (n & 1) to[n & 2] = n & 2 ? v[2] : v[0];
  }
  template <class V>
  static void store_part(uint8_t* to, V v, int64_t n) {
    const auto word = __builtin_bit_cast(uint32_t, v);
    for (int64_t i = 0; i < n; ++i) to[i] = static_cast<uint8_t>(word >> (8 * i));
  }

  // Loads and multiplications of a tile are `volatile`, which keeps them in the order in which they
  // are written: each vector of weights is loaded one vector ahead, for cores that do not look
  // ahead. Compilers would load all of them before the first multiplication, and have no registers
  // left for the sums.
  template <class V>
  [[gnu::always_inline]] static inline V load_in_order(const void* p) {
    typedef V Anything __attribute__((may_alias, aligned(1)));
    V v;
    asm volatile("ldr %q0, %1" : "=w"(v) : "m"(*static_cast<const Anything*>(p)));
    return v;
  }
  template <int U, int R, class Sum>
  [[gnu::always_inline]] static inline void add_channels(Sum (&sum)[U][R], const float* w,
                                                         const Reals (&inputs)[R]) {
    Reals weights[2] = {load_in_order<Reals>(w)};
    add_channels(sum, w, inputs, weights,
                 std::make_integer_sequence<int, kFloatInputs * Sum::kWhole>());
  }

  // A NaN is passed on, wherever it is.
  struct Numbers : PlainNumbers<Reals, Ints> {
    static Reals multiply_add(Reals a, Reals b, Reals c) {
      return reinterpret_cast<Reals>(vfmaq_f32(reinterpret_cast<float32x4_t>(c),
                                               reinterpret_cast<float32x4_t>(a),
                                               reinterpret_cast<float32x4_t>(b)));
    }
    static Reals at_least(Reals low, Reals x) {
      return reinterpret_cast<Reals>(
          vmaxq_f32(reinterpret_cast<float32x4_t>(low), reinterpret_cast<float32x4_t>(x)));
    }
    static Reals at_most(Reals high, Reals x) {
      return reinterpret_cast<Reals>(
          vminq_f32(reinterpret_cast<float32x4_t>(high), reinterpret_cast<float32x4_t>(x)));
    }
  };
  static void keep_rounding(Reals& v) { asm("" : "+w"(v)); }

 private:
  template <int U, int R, class Sum, int... vector>
  [[gnu::always_inline]] static inline void add_channels(Sum (&sum)[U][R], const float* w,
                                                         const Reals (&inputs)[R],
                                                         Reals (&weights)[2],
                                                         std::integer_sequence<int, vector...>) {
    (add_weights<vector>(sum, w, inputs, weights), ...);
  }
  template <int vector, int U, int R, class Sum>
  [[gnu::always_inline]] static inline void add_weights(Sum (&sum)[U][R], const float* w,
                                                        const Reals (&inputs)[R],
                                                        Reals (&weights)[2]) {
    constexpr int V = Sum::kWhole, channel = vector / V;
    if constexpr (vector + 1 < V * kFloatInputs)
      weights[(vector + 1) % 2] = load_in_order<Reals>(w + kLanes * (vector + 1));
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
      asm volatile("fmla %0.4s, %1.4s, %2.s[%3]"
                   : "+w"(sum[channel % U][r].whole[vector % V])
                   : "w"(weights[vector % 2]), "w"(inputs[r]), "i"(channel));
  }
  template <class V>
  static V load_words(uint64_t low, uint64_t high) {
    return reinterpret_cast<V>(vcombine_u64(vcreate_u64(low), vcreate_u64(high)));
  }
};

}  // namespace
}  // namespace nnapi::host
