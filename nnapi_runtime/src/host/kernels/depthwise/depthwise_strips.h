// Weights of a depthwise convolution in blocks for the strips of simd/simd_loops.h.
#pragma once

#include <cstddef>

#include "host/kernels/convolution/convolution.h"
#include "host/kernels/simd/simd_loops.h"

namespace nnapi::host {

size_t strip_bytes(const Convolution& c, const TileLoops& loops);

// Fills strip_bytes() with weights and bias (null: zero).
void pack_strips(const Convolution& c, const TileLoops& loops, const void* weights,
                 const void* bias, char* to);

}  // namespace nnapi::host
