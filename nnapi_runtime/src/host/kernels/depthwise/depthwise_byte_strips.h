// Weights of a quantised depthwise convolution for the strips and rows of
// simd/x86/avx512_byte_strip.h and avx512_byte_rows.h.
#pragma once

#include <cstddef>

#include "host/kernels/convolution/convolution.h"
#include "host/kernels/simd/simd_loops.h"

namespace nnapi::host {

// Are there such loops, and do the weights fit in their signed bytes?
bool takes_byte_strips(const Convolution& c, const TileLoops& loops);

// Which taps are multiplied at once: four in the order of the window's rows, or the three of a
// column.
enum class TapGroups { kFours, kColumns };

size_t byte_strip_bytes(const Convolution& c, TapGroups groups);

// Fills byte_strip_bytes() with weights and bias (null: zero).
void pack_byte_strips(const Convolution& c, const TileLoops& loops, TapGroups groups,
                      const void* weights, const int32_t* bias, char* to);

}  // namespace nnapi::host
