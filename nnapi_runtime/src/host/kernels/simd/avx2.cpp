// The loops for x86-64 processors with AVX2 and FMA.
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "host/kernels/simd/tile.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

namespace nnapi::host {
namespace {

// Steps in pairs of input channels, as 16-bit products.
struct Isa {
  static constexpr int kLanes = 8, kRows = 6, kVectors = 2, kGroup = 2;
  typedef int32_t Weights __attribute__((vector_size(32)));

  static Weights load_weights(const int8_t* p) {
    return reinterpret_cast<Weights>(
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static Weights inputs(const uint8_t* p) { return (p[0] | p[1] << 16) - Weights{}; }
  static Weights inputs_part(const uint8_t* p, int) { return p[0] - Weights{}; }
  static Weights flips(uint8_t flip) { return (flip | flip << 16) - Weights{}; }
  static Weights dot(Weights sum, Weights weights, Weights inputs) {
    return sum + reinterpret_cast<Weights>(_mm256_madd_epi16(reinterpret_cast<__m256i>(weights),
                                                             reinterpret_cast<__m256i>(inputs)));
  }
};

}  // namespace
}  // namespace nnapi::host

#include "host/kernels/simd/tile_loops.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace nnapi::host {

const TileLoops kAvx2Loops = make_loops("avx2");

}  // namespace nnapi::host
#endif
