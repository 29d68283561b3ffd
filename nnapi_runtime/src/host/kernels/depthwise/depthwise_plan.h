// Convolutions whose groups have one input channel each. Where such a channel makes several output
// channels, the input is staged with every channel repeated as often.
#pragma once

#include <memory>

#include "host/kernels/convolution/packed_plan.h"

namespace nnapi::host {

// Null if these loops are not made for it.
std::unique_ptr<PackedPlan> plan_depthwise(const Convolution& c);

}  // namespace nnapi::host
