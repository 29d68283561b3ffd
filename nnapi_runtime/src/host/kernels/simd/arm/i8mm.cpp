// The loops for 64-bit Arm processors with products of matrices of bytes (FEAT_I8MM).
#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "host/kernels/simd/simd_loops.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod+i8mm")
#endif

#include "host/kernels/simd/arm/dot_product_vectors.h"

namespace nnapi::host {
namespace {

struct Isa : DotProductVectors {
  static constexpr int kMatrixRows[] = {8, 8, 6, 6};  // of tiles, as kByteRows
  template <int V>
  struct ByteStore;
};

}  // namespace
}  // namespace nnapi::host

#include "host/kernels/simd/arm/neon_loop_table.h"
// After them:
#include "host/kernels/simd/arm/dot_byte_columns.h"
#include "host/kernels/simd/arm/i8mm_byte_tiles.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace nnapi::host {

constinit const TileLoops kI8mmLoops = [] {
  TileLoops loops = loops_of_neon("i8mm");
  loops.byte_dot_strip = dot_byte_strip<kStripPixels>;
  loops.byte_row = dot_byte_row;
  loops.group = kMatrixDepth;
  loops.byte_tiles = matrix_tiles_of<kByteVectors>;
  return loops;
}();

}  // namespace nnapi::host
#endif
