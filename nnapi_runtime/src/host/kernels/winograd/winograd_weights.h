// Transformed weights of Winograd's convolution, in the order in which the loops read them.
#pragma once

#include <cstddef>

#include "host/kernels/convolution/convolution.h"
#include "host/kernels/winograd/winograd_tiling.h"

namespace nnapi::host {

// Panel after panel; of each, one panel of simd/simd_loops.h for every product.
size_t winograd_weight_bytes(const Convolution& c, const WinogradCut& cut);

void pack_winograd_weights(const Convolution& c, const WinogradCut& cut, const void* weights,
                           const void* bias, char* to);

}  // namespace nnapi::host
