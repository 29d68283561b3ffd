// What every instruction set has, as a table; see vectors.h. To be included after all loops.
#pragma once

#include "host/kernels/simd/formula.h"
#include "host/kernels/simd/mixed_pixels.h"
#include "host/kernels/simd/real_loops.h"
#include "host/kernels/simd/real_windows.h"
#include "host/kernels/simd/softmax.h"
#include "host/kernels/simd/step_loops.h"
#include "host/kernels/simd/sums.h"
#include "host/kernels/simd/winograd.h"

namespace nnapi::host {
namespace {

// The widest panels: rows of tiles are given for each width.
constexpr int kRealVectors = sizeof(Isa::kRealRows) / sizeof(int);
constexpr int kStepVectors = sizeof(Isa::kStepRows) / sizeof(int);

constexpr TileLoops loops_of_all(const char* name) {
  return {
      .name = name,
      .lanes = kLanes,
      .group = Isa::kGroup,
      .halves = Isa::kHalves,
      .real_vectors = kRealVectors,
      .step_vectors = kStepVectors,
      .real_tiles = real_tiles_of<kRealVectors>,
      .step_tiles = step_tiles_of<kStepVectors>,
      .real_strip = real_strip<kStripPixels>,
      .step_strip = step_strip<kStripPixels>,
      .winograd_inputs = winograd_inputs,
      .winograd_outputs = winograd_outputs,
      .real_windows = real_windows,
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
