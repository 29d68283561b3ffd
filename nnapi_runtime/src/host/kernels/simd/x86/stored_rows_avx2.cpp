// multiply_stored for x86-64 processors with AVX2 and FMA.
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "host/kernels/simd/stored_rows.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

namespace nnapi::host {
namespace {

struct Isa {
  static constexpr int64_t kLanes = 8;
  typedef float Lanes __attribute__((vector_size(32)));

  static void load_numbers(const int8_t* from, Lanes* to) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    *to = reinterpret_cast<Lanes>(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)));
  }
};

}  // namespace
}  // namespace nnapi::host

#include "host/kernels/simd/stored_rows_loops.h"

namespace nnapi::host {

void multiply_stored_avx2(const StoredProduct& all, int64_t begin, int64_t end) {
  multiply(all, begin, end);
}

}  // namespace nnapi::host

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
