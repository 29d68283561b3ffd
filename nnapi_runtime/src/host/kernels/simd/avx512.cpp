// The loops for x86-64 processors with AVX-512 and its dot products of bytes (VNNI).
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "host/kernels/simd/tile.h"

#if defined(__clang__)
#pragma clang attribute push(                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")
#endif

namespace nnapi::host {
namespace {

// Steps in fours of input channels.
struct Isa {
  static constexpr int kLanes = 16, kRows = 8, kVectors = 3, kGroup = 4;
  typedef int32_t Weights __attribute__((vector_size(64)));

  static Weights load_weights(const int8_t* p) {
    return reinterpret_cast<Weights>(_mm512_loadu_si512(p));
  }
  static Weights inputs(const uint8_t* p) {
    int32_t four;
    std::memcpy(&four, p, sizeof four);
    return four - Weights{};
  }
  static Weights inputs_part(const uint8_t* p, int n) {
    int32_t four = 0;
    for (int i = 0; i < n; ++i) four |= p[i] << (8 * i);
    return four - Weights{};
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

const TileLoops kAvx512Loops = make_loops("avx512");

}  // namespace nnapi::host
#endif
