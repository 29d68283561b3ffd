// Which of the fast kernels computes a convolution: by Winograd's method, channel by channel, as a
// matrix product …
#pragma once

#include <memory>

#include "host/kernels/convolution/convolution.h"

namespace nnapi::host {

// Weights given now, with their bias if there is one, are constant and packed here; null weights
// come with every run. Null if no fast kernel fits.
std::unique_ptr<ConvolutionPlan> plan_convolution(const Convolution& c, const void* weights,
                                                  const void* bias);

}  // namespace nnapi::host
