// Transposed convolutions with few output channels: tiles as wide as a vector would mostly compute
// nothing. One matrix product gives what every input pixel adds under every tap; sums are gathered
// from that.
#pragma once

#include <memory>

#include "host/kernels/convolution/convolution.h"

namespace nnapi::host {

// Null if it is not made for that. Weights and bias (null: zero) are constant.
std::unique_ptr<ConvolutionPlan> plan_spreading(const Convolution& c, const void* weights,
                                                const void* bias);

}  // namespace nnapi::host
