// The loops for x86-64 processors with AVX-512 and its dot products of bytes (VNNI).
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "host/kernels/simd/simd_loops.h"

#if defined(__clang__)
#pragma clang attribute push(                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma"))), \
    apply_to = function)
#else
// GCC 12 takes the undefined registers of its own header for variables that lack a value.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")
#endif

#include "host/arithmetic/exponential_method.h"

namespace nnapi::host {
namespace {

// Steps in fours of input channels.
struct Isa {
  static constexpr int kLanes = 16, kGroup = 4;
  static constexpr bool kHalves = true, kSignedInputs = false;
  static constexpr int kFloatInputs = 1, kInputGroups = 1;
  static constexpr int kRealRows[] = {12, 12, 8}, kByteRows[] = {12, 12, 8, 6};
  typedef int32_t Weights __attribute__((vector_size(64)));
  typedef float Reals __attribute__((vector_size(64)));
  typedef uint8_t Bytes __attribute__((vector_size(16)));

  static void store_part(float* to, Reals v, int64_t n) {
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << n) - 1), reinterpret_cast<__m512>(v));
  }
  static void store_part(uint8_t* to, Bytes v, int64_t n) {
    _mm_mask_storeu_epi8(to, static_cast<__mmask16>((1u << n) - 1), reinterpret_cast<__m128i>(v));
  }

  template <class V>
  static V load_part(const float* from, int64_t n) {
    return reinterpret_cast<V>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), from));
  }

  template <class V>
  static V load_part(const uint8_t* from, int64_t n) {
    return reinterpret_cast<V>(_mm_maskz_loadu_epi8(static_cast<__mmask16>((1u << n) - 1), from));
  }

  typedef double Doubles __attribute__((vector_size(64)));
  static Doubles load_doubles(const float* from) {
    return reinterpret_cast<Doubles>(_mm512_cvtps_pd(_mm256_loadu_ps(from)));
  }

  static Weights load_weights(const int8_t* p) {
    return reinterpret_cast<Weights>(_mm512_loadu_si512(p));
  }
  static Weights inputs(const uint8_t* p) {
    int32_t four;
    std::memcpy(&four, p, sizeof four);
    return four - Weights{};
  }
  static Weights inputs_end(const uint8_t* p, int n, int64_t depth) {
    uint32_t four = 0;
    if (depth >= 4) {
      std::memcpy(&four, p + n - 4, sizeof four);
      four >>= 8 * (4 - n);
    } else {
      for (int i = 0; i < n; ++i) four |= static_cast<uint32_t>(p[i]) << (8 * i);
    }
    return static_cast<int32_t>(four) - Weights{};
  }
  static Weights flips(uint8_t flip) {
    Weights all = static_cast<int32_t>(flip * 0x01010101u) - Weights{};
    // Hides where it comes from: inputs are to be spread straight from memory and flipped then,
    // not flipped in an integer register and spread from there.
    asm("" : "+v"(all));
    return all;
  }
  static Weights dot(Weights sum, Weights weights, Weights inputs) {
    return reinterpret_cast<Weights>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum),
                                                         reinterpret_cast<__m512i>(inputs),
                                                         reinterpret_cast<__m512i>(weights)));
  }
  typedef int32_t HalfInts __attribute__((vector_size(32)));
  // Of the weights at w, by the first half of the inputs, which are the same in both.
  static HalfInts half_dot(HalfInts sum, const int8_t* w, Weights inputs) {
    return reinterpret_cast<HalfInts>(_mm256_dpbusd_epi32(
        reinterpret_cast<__m256i>(sum), _mm512_castsi512_si256(reinterpret_cast<__m512i>(inputs)),
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w))));
  }
  // The instructions give their second operand where one is a NaN.
  struct Numbers {
    static Reals at_least(Reals low, Reals x) {
      return reinterpret_cast<Reals>(
          _mm512_max_ps(reinterpret_cast<__m512>(low), reinterpret_cast<__m512>(x)));
    }
    static Reals at_most(Reals high, Reals x) {
      return reinterpret_cast<Reals>(
          _mm512_min_ps(reinterpret_cast<__m512>(high), reinterpret_cast<__m512>(x)));
    }
    static Reals multiply_add(Reals a, Reals b, Reals c) {
      return reinterpret_cast<Reals>(_mm512_fmadd_ps(
          reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
    }
    static Reals scale(Reals x, Reals n) {
      return reinterpret_cast<Reals>(
          _mm512_scalef_ps(reinterpret_cast<__m512>(x), reinterpret_cast<__m512>(n)));
    }
  };
  static void keep_rounding(Reals& v) { asm("" : "+v"(v)); }
  template <int V>
  struct ByteStore;
};

}  // namespace
}  // namespace nnapi::host

#include "host/kernels/simd/loop_table.h"
// After them:
#include "host/kernels/simd/float_depthwise_rows.h"
#include "host/kernels/simd/x86/avx512_byte_rows.h"
#include "host/kernels/simd/x86/avx512_byte_store.h"
#include "host/kernels/simd/x86/avx512_byte_strip.h"
#include "host/kernels/simd/x86/avx512_byte_sums.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace nnapi::host {

constinit const TileLoops kAvx512Loops = [] {
  TileLoops loops = loops_of_all("avx512");
  loops.byte_dot_strip = byte_dot_strip<kStripPixels>;
  loops.byte_row = byte_row;
  loops.float_row = float_row;
  loops.add_unsigned_steps = add_steps<uint8_t>;
  loops.add_signed_steps = add_steps<int8_t>;
  return loops;
}();

}  // namespace nnapi::host
#endif
