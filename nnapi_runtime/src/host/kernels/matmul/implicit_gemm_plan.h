// Convolutions and matrix products as tiles of output pixels times panels of output channels.
#pragma once

#include <memory>

#include "host/kernels/convolution/packed_plan.h"

namespace nnapi::host {

// Null if these loops are not made for it.
std::unique_ptr<PackedPlan> plan_grids(const Convolution& c);

}  // namespace nnapi::host
