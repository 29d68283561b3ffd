// What every instruction set has, as a table; see vectors.h. To be included after all loops.
#pragma once

#include "host/kernels/simd/byte_convolution_loops.h"
#include "host/kernels/simd/elementwise_formula.h"
#include "host/kernels/simd/float_convolution_loops.h"
#include "host/kernels/simd/float_depthwise_windows.h"
#include "host/kernels/simd/interpolated_pixels.h"
#include "host/kernels/simd/softmax.h"
#include "host/kernels/simd/sums.h"
#include "host/kernels/simd/winograd.h"

namespace nnapi::host {
namespace {

// The widest panels: rows of tiles are given for each width.
constexpr int kRealVectors = sizeof(Isa::kRealRows) / sizeof(int);
constexpr int kByteVectors = sizeof(Isa::kByteRows) / sizeof(int);

constexpr TileLoops loops_of_all(const char* name) {
  return {
      .name = name,
      .lanes = kLanes,
      .group = Isa::kGroup,
      .halves = Isa::kHalves,
      .signed_inputs = Isa::kSignedInputs,
      .float_vectors = kRealVectors,
      .byte_vectors = kByteVectors,
      .float_tiles = float_tiles_of<kRealVectors>,
      .byte_tiles = byte_tiles_of<kByteVectors>,
      .float_strip = float_strip<kStripPixels>,
      .byte_strip = byte_strip<kStripPixels>,
      .winograd_inputs = winograd_inputs,
      .winograd_outputs = winograd_outputs,
      .float_windows = float_windows,
      .mix_pixels = mix_pixels,
      .softmax = softmax_rows,
      .sum = sum,
      .exponential = stretch_of<exponential>,
      .logistic = stretch_of<logistic>,
      .hyperbolic_tangent = stretch_of<hyperbolic_tangent>,
      .formula = formula,
  };
}

}  // namespace
}  // namespace nnapi::host
