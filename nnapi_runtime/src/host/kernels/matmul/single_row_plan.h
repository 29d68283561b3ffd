// Fully connected layers of one row, and what amounts to that.
#pragma once

#include <memory>

#include "host/kernels/convolution/packed_plan.h"

namespace nnapi::host {

// Null if it is not made for it.
std::unique_ptr<PackedPlan> plan_single_row(const Convolution& c);

}  // namespace nnapi::host
