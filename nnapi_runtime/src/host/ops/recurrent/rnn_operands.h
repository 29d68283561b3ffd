// Where operations keep the operands of a basic recurrent cell.
#pragma once

#include <cstdint>

#include "host/arithmetic/float_views.h"
#include "host/kernels/recurrent/rnn_cell.h"
#include "host/operation/operation.h"
#include "host/operation/shape_checks.h"

namespace nnapi::host {

// Four operands in a row.
struct RnnPositions {
  uint32_t weights;

  uint32_t recurrent_weights() const { return weights + 1; }
  uint32_t bias() const { return weights + 2; }
  uint32_t state() const { return weights + 3; }
  uint32_t units(const Node& node) const { return node.in(weights).shape[0]; }

  Status check(const Node& node, uint32_t batch, uint32_t input_size) const {
    const uint32_t n = units(node);
    return ShapeChecks(node)
        .rank(weights, 2)
        .shape(weights, {n, input_size}, "[units, input size]")
        .shape(recurrent_weights(), {n, n}, "[units, units]")
        .shape(bias(), {n}, "[units]")
        .shape(state(), {batch, n}, "[batch, units]")
        .status();
  }

  reference::RnnCell cell(const Node& node, const FloatInputs& in, int32_t activation) const {
    return {.units = units(node),
            .input_size = node.in(weights).shape[1],
            .weights = in[weights],
            .recurrent_weights = in[recurrent_weights()],
            .bias = in[bias()],
            .activation = static_cast<CellActivation>(activation)};
  }
};

}  // namespace nnapi::host
