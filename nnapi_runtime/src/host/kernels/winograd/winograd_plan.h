// 3x3 convolutions of stride 1 by Winograd's F(2x2, 3x3): 16 multiplications where there are 36.
#pragma once

#include <memory>

#include "host/kernels/convolution/packed_plan.h"

namespace nnapi::host {

// Null where it would not be faster. The weights must be constant.
std::unique_ptr<PackedPlan> plan_winograd(const Convolution& c);

}  // namespace nnapi::host
