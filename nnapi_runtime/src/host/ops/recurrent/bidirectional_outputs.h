// What the two bidirectional operations share: which outputs there are, and what an auxiliary
// input means.
#pragma once

#include <cstdint>

#include "host/arithmetic/sequence.h"
#include "host/operation/operation.h"
#include "host/operation/optional_inputs.h"
#include "host/operation/shape_checks.h"

namespace nnapi::host {

// Forward output, backward output unless merged into it, then all states or none.
struct BidirectionalOutputs {
  bool merged;
  uint32_t states;  // how many

  uint32_t state(uint32_t k) const { return (merged ? 1 : 2) + k; }
  uint32_t backward() const { return merged ? 0 : 1; }
  bool with_states(const Node& node) const { return node.num_outputs() > state(0); }

  Status check(const Node& node) const {
    if (node.num_outputs() == state(0) || node.num_outputs() == state(states)) return kOk;
    return node.bad("%u outputs with merged outputs %s, must be %u, or %u with the states",
                    node.num_outputs(), merged ? "on" : "off", state(0), state(states));
  }
  void set_shapes(const Node& node, SequenceOrder order, uint32_t time, uint32_t batch,
                  uint32_t forward_size, uint32_t backward_size) const {
    node.out(0).shape = order.shape(time, batch, forward_size + (merged ? backward_size : 0));
    if (!merged) node.out(1).shape = order.shape(time, batch, backward_size);
  }
};

// An auxiliary input with weights goes into both cells beside the input (cross-linking); without
// weights it takes the input's place in the backward cell (parallel linking).
struct AuxPositions {
  uint32_t input, aux, forward_weights, backward_weights;

  bool crossed(const Node& node) const { return node.has(forward_weights); }
  uint32_t backward_input(const Node& node) const {
    return node.has(aux) && !crossed(node) ? aux : input;
  }
  Status check(const Node& node) const {
    for (uint32_t given : {forward_weights, backward_weights})
      for (uint32_t missing : {aux, forward_weights, backward_weights})
        if (certainly_given(node, given) && !node.has(missing))
          return node.bad(
              "input %u is given without input %u: auxiliary weights need an auxiliary "
              "input and the other direction's weights",
              given, missing);
    if (!node.has(aux)) return kOk;
    const Shape &x = node.in(input).shape, &a = node.in(aux).shape;
    return ShapeChecks(node)
        .rank(aux, 3)
        .shape(aux, {x[0], x[1], a[2]}, "the input's, but for the last size")
        .status();
  }
};

}  // namespace nnapi::host
