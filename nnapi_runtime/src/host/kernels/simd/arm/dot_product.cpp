// The loops for 64-bit Arm processors with dot products of bytes (FEAT_DotProd).
#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "host/kernels/simd/simd_loops.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#endif

#include "host/kernels/simd/arm/dot_product_vectors.h"

namespace nnapi::host {
namespace {

struct Isa : DotProductVectors {
  template <int V>
  struct ByteStore;
};

}  // namespace
}  // namespace nnapi::host

#include "host/kernels/simd/arm/neon_loop_table.h"
// After them:
#include "host/kernels/simd/arm/dot_byte_columns.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace nnapi::host {

constinit const TileLoops kDotProductLoops = [] {
  TileLoops loops = loops_of_neon("dotprod");
  loops.byte_dot_strip = dot_byte_strip<kStripPixels>;
  loops.byte_row = dot_byte_row;
  return loops;
}();

}  // namespace nnapi::host
#endif
