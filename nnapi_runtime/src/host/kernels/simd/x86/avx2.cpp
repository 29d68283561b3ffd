// The loops for x86-64 processors with AVX2 and FMA.
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "host/kernels/simd/simd_loops.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#include "host/arithmetic/exponential_method.h"
#include "host/kernels/simd/partial_vectors.h"

namespace nnapi::host {
namespace {

// Steps in pairs of input channels, as 16-bit products.
struct Isa : CopiedParts {
  static constexpr int kLanes = 8, kGroup = 2;
  static constexpr bool kHalves = false, kSignedInputs = false;
  static constexpr int kFloatInputs = 1, kInputGroups = 1;
  static constexpr int kRealRows[] = {8, 6}, kByteRows[] = {8, 6};
  typedef int32_t Weights __attribute__((vector_size(32)));

  typedef double Doubles __attribute__((vector_size(32)));
  static Doubles load_doubles(const float* from) {
    return reinterpret_cast<Doubles>(_mm256_cvtps_pd(_mm_loadu_ps(from)));
  }

  static Weights load_weights(const int8_t* p) {
    return reinterpret_cast<Weights>(
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static Weights inputs(const uint8_t* p) { return (p[0] | p[1] << 16) - Weights{}; }
  static Weights inputs_end(const uint8_t* p, int, int64_t) { return p[0] - Weights{}; }
  static Weights flips(uint8_t flip) { return (flip | flip << 16) - Weights{}; }
  static Weights dot(Weights sum, Weights weights, Weights inputs) {
    return sum + reinterpret_cast<Weights>(_mm256_madd_epi16(reinterpret_cast<__m256i>(weights),
                                                             reinterpret_cast<__m256i>(inputs)));
  }
  typedef float Reals __attribute__((vector_size(32)));
  typedef int32_t Ints __attribute__((vector_size(32)));
  // The instructions give their second operand where one is a NaN.
  struct Numbers : PlainNumbers<Reals, Ints> {
    static Reals multiply_add(Reals a, Reals b, Reals c) {
      return reinterpret_cast<Reals>(_mm256_fmadd_ps(
          reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
    }
    static Reals at_least(Reals low, Reals x) {
      return reinterpret_cast<Reals>(
          _mm256_max_ps(reinterpret_cast<__m256>(low), reinterpret_cast<__m256>(x)));
    }
    static Reals at_most(Reals high, Reals x) {
      return reinterpret_cast<Reals>(
          _mm256_min_ps(reinterpret_cast<__m256>(high), reinterpret_cast<__m256>(x)));
    }
  };
  static void keep_rounding(Reals& v) { asm("" : "+x"(v)); }
  template <int V>
  struct ByteStore;
};

}  // namespace
}  // namespace nnapi::host

#include "host/kernels/simd/loop_table.h"
// After them:
#include "host/kernels/simd/plain_byte_store.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace nnapi::host {

constinit const TileLoops kAvx2Loops = loops_of_all("avx2");

}  // namespace nnapi::host
#endif
