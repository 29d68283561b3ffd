#include "host/ops/recurrent/lstm_operands.h"

#include "host/operation/optional_inputs.h"
#include "host/operation/shape_checks.h"

namespace nnapi::host {

using reference::kCellGate;
using reference::kForgetGate;
using reference::kInputGate;
using reference::kLstmGates;
using reference::kOutputGate;

namespace {

// Rules about which operands are given, up to the first that is broken.
class PresenceRules {
 public:
  explicit PresenceRules(const Node& node) : node_(node) {}

  // Either all or none of them.
  PresenceRules& together(std::initializer_list<uint32_t> inputs, const char* what) {
    for (uint32_t given : inputs)
      for (uint32_t missing : inputs) needs(given, missing, what);
    return *this;
  }
  // If one is given, so is the other.
  PresenceRules& needs(uint32_t given, uint32_t missing, const char* what) {
    if (status_ == kOk && certainly_given(node_, given) && !node_.has(missing))
      status_ = node_.bad("%s: input %u is given without input %u", what, given, missing);
    return *this;
  }
  // What an input gate without weights can't have.
  PresenceRules& absent(uint32_t input, const char* what) {
    if (status_ == kOk && certainly_given(node_, input))
      status_ = node_.bad("%s: input %u is given, but the input gate has no weights", what, input);
    return *this;
  }
  Status status() const { return status_; }

 private:
  const Node& node_;
  Status status_ = kOk;
};

constexpr char kGate[] = "input gate", kPeephole[] = "peephole weights",
               kNorm[] = "layer normalisation weights", kProjection[] = "projection",
               kAux[] = "auxiliary weights";

Status check_presence(const Node& node, const LstmPositions& at) {
  const uint32_t bias = at.bias(), norm = at.layer_norm, aux = at.aux_weights;
  const uint32_t peep_input = at.peephole(kInputGate), peep_forget = at.peephole(kForgetGate),
                 peep_output = at.peephole(kOutputGate);
  PresenceRules rules(node);
  rules.together({at.weights, at.recurrent_weights()}, kGate)
      .needs(at.projection_bias(), at.projection_weights(), kProjection)
      .together({peep_forget, peep_output}, kPeephole)
      .together({norm + kForgetGate, norm + kCellGate, norm + kOutputGate}, kNorm);
  if (aux) rules.together({aux + kForgetGate, aux + kCellGate, aux + kOutputGate}, kAux);
  if (!node.has(at.weights)) {
    rules.absent(bias, kGate).absent(peep_input, kPeephole).absent(norm, kNorm);
    if (aux) rules.absent(aux, kAux);
  } else if (certainly_given(node, at.weights)) {
    rules.needs(at.weights, bias, kGate)
        .together({peep_input, peep_forget}, kPeephole)
        .together({norm, norm + kForgetGate}, kNorm);
    if (aux) rules.together({aux, aux + kForgetGate}, kAux);
  }
  return rules.status();
}

}  // namespace

Status check_lstm_operands(const Node& node, const LstmPositions& at, uint32_t batch,
                           uint32_t input_size, uint32_t aux_size) {
  // The output gate always has weights: they tell the sizes.
  ShapeChecks checks(node);
  checks.rank(at.weights + kOutputGate, 2).rank(at.recurrent_weights() + kOutputGate, 2).then([&] {
    return check_presence(node, at);
  });
  const auto [cells, outputs] = lstm_sizes(node, at);
  for (uint32_t g = 0; g < kLstmGates; ++g) {
    checks.optional(at.weights + g, {cells, input_size}, "[cells, input size]")
        .optional(at.recurrent_weights() + g, {cells, outputs}, "[cells, output size]")
        .optional(at.bias() + g, {cells}, "[cells]")
        .optional(at.layer_norm + g, {cells}, "[cells]");
    if (g != kCellGate) checks.optional(at.peephole(g), {cells}, "[cells]");
    if (at.aux_weights)
      checks.optional(at.aux_weights + g, {cells, aux_size}, "[cells, auxiliary size]");
  }
  checks.optional(at.projection_weights(), {outputs, cells}, "[output size, cells]")
      .optional(at.projection_bias(), {outputs}, "[output size]")
      .shape(at.output_state, {batch, outputs}, "[batch, output size]")
      .shape(at.cell_state, {batch, cells}, "[batch, cells]");
  if (checks.status() == kOk && outputs != cells && !node.has(at.projection_weights()))
    return node.bad("output size %u with %u cells needs projection weights", outputs, cells);
  return checks.status();
}

LstmSizes lstm_sizes(const Node& node, const LstmPositions& at) {
  return {.cells = node.in(at.weights + kOutputGate).shape[0],
          .outputs = node.in(at.recurrent_weights() + kOutputGate).shape[1]};
}

reference::LstmCell lstm_cell(const Node& node, const FloatInputs& in, const LstmPositions& at) {
  reference::LstmCell cell;
  cell.cells = lstm_sizes(node, at).cells;
  cell.outputs = lstm_sizes(node, at).outputs;
  cell.input_size = node.in(at.weights + kOutputGate).shape[1];
  cell.coupled = !node.has(at.weights);
  for (uint32_t g = 0; g < kLstmGates; ++g) {
    cell.weights[g] = in[at.weights + g];
    cell.recurrent_weights[g] = in[at.recurrent_weights() + g];
    cell.bias[g] = in[at.bias() + g];
    cell.layer_norm[g] = in[at.layer_norm + g];
    if (g != kCellGate) cell.peephole[g] = in[at.peephole(g)];
    if (at.aux_weights) cell.aux_weights[g] = in[at.aux_weights + g];
  }
  if (at.aux_weights && node.has(at.aux_weights + kOutputGate))
    cell.aux_size = node.in(at.aux_weights + kOutputGate).shape[1];
  cell.projection = in[at.projection_weights()];
  cell.projection_bias = in[at.projection_bias()];
  return cell;
}

}  // namespace nnapi::host
