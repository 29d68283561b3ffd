// Results that are wrong by so many steps, as a bad driver's are.
#pragma once

#include <cstdint>

#include "host/tensor/tensor.h"

namespace nnapi::host {

// Adds `steps` to every element: steps of the scale to a quantised one, which stays in its range;
// 1/256 of the tensor's largest magnitude each to a real one. Boolean ones are turned around.
void make_wrong(Tensor& tensor, int32_t steps);

}  // namespace nnapi::host
