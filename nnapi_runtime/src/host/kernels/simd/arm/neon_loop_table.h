// What all instruction sets of 64-bit Arm have, as a table. To be included after struct Isa.
#pragma once

#include "host/kernels/simd/loop_table.h"
// After them:
#include "host/kernels/simd/arm/neon_byte_strip.h"
#include "host/kernels/simd/arm/neon_byte_sums.h"
#include "host/kernels/simd/arm/neon_bytes.h"
#include "host/kernels/simd/float_depthwise_rows.h"

namespace nnapi::host {
namespace {

constexpr TileLoops loops_of_neon(const char* name) {
  TileLoops loops = loops_of_all(name);
  loops.byte_strip = neon_byte_strip<kStripPixels>;
  loops.float_row = float_row;
  loops.add_unsigned_steps = add_steps<uint8_t>;
  loops.add_signed_steps = add_steps<int8_t>;
  return loops;
}

}  // namespace
}  // namespace nnapi::host
