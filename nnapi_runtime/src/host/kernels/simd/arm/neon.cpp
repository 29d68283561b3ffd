// The loops for 64-bit Arm processors, all of which have NEON.
#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "host/kernels/simd/arm/neon_vectors.h"
#include "host/kernels/simd/simd_loops.h"

namespace nnapi::host {
namespace {

// Bytes in pairs of input channels: 16-bit products, which are added up in pairs. Elder cores do
// one multiplication and one addition at once so, and half as many multiplications by 16-bit lanes.
struct Isa : NeonVectors {
  static constexpr int kGroup = 2, kInputGroups = 4;
  static constexpr int kByteRows[] = {8, 6, 5, 4};
  typedef int8_t Weights __attribute__((vector_size(8)));
  typedef Weights Inputs;  // of kInputGroups groups

  static Weights load_weights(const int8_t* p) { return reinterpret_cast<Weights>(vld1_s8(p)); }
  static Weights inputs(const uint8_t* p) {
    int16_t two;
    std::memcpy(&two, p, sizeof two);
    return reinterpret_cast<Weights>(vdup_n_s16(two));
  }
  static Weights inputs_end(const uint8_t* p, int, int64_t) {
    return reinterpret_cast<Weights>(vdup_n_u8(p[0]));
  }
  static Weights flips(uint8_t flip) { return reinterpret_cast<Weights>(vdup_n_u8(flip)); }
  static Ints dot(Ints sum, Weights weights, Weights inputs) {
    const int16x8_t products =
        vmull_s8(reinterpret_cast<int8x8_t>(weights), reinterpret_cast<int8x8_t>(inputs));
    return reinterpret_cast<Ints>(vpadalq_s16(reinterpret_cast<int32x4_t>(sum), products));
  }
  static Inputs load_inputs(const uint8_t* p) { return reinterpret_cast<Inputs>(vld1_u8(p)); }
  // A pair of every row's inputs, spread once for all vectors of the panel. In the order that is
  // written here, as NeonVectors::add_channels, so that registers suffice and no addition waits for
  // its product.
  template <int group, int R, class Sum>
  [[gnu::always_inline]] static inline void add_group(Sum (&sum)[R], const int8_t* w,
                                                      const Inputs (&inputs)[R]) {
    constexpr int V = Sum::kWhole;
    Weights weights[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) weights[v] = load_weights(w + 8 * v);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      Weights x;
      asm volatile("dup %0.4h, %1.h[%2]" : "=w"(x) : "w"(inputs[r]), "i"(group));
      int16x8_t products[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v)
        asm volatile("smull %0.8h, %1.8b, %2.8b" : "=w"(products[v]) : "w"(weights[v]), "w"(x));
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v)
        asm volatile("sadalp %0.4s, %1.8h" : "+w"(sum[r].whole[v]) : "w"(products[v]));
    }
  }
  template <int U, int R, class Sum>
  [[gnu::always_inline]] static inline void add_groups(Sum (&sum)[U][R], const int8_t* w,
                                                       const Inputs (&inputs)[R]) {
    constexpr int kStep = Sum::kWidth * kGroup;
    add_group<0>(sum[0], w, inputs);
    add_group<1>(sum[1 % U], w + kStep, inputs);
    add_group<2>(sum[2 % U], w + 2 * kStep, inputs);
    add_group<3>(sum[3 % U], w + 3 * kStep, inputs);
  }
  template <int V>
  struct ByteStore;
};

}  // namespace
}  // namespace nnapi::host

#include "host/kernels/simd/arm/neon_loop_table.h"

namespace nnapi::host {

constinit const TileLoops kNeonLoops = loops_of_neon("neon");

}  // namespace nnapi::host
#endif
