// A product of two tensors and a number that is added to it: two steps as one loop, as polynomials
// have them. Each result is rounded as the steps round theirs.
#pragma once

#include "host/element_loop.h"
#include "host/model.h"

namespace nnapi::host {

// The loop of `product` and `sum`, where the first's result is read by the second alone. Empty if
// they are something else.
ElementLoop multiply_add_loop(const Model& model, const OperationNode& product,
                              const OperationNode& sum);

}  // namespace nnapi::host
