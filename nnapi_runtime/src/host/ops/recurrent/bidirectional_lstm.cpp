// BIDIRECTIONAL_SEQUENCE_LSTM: one cell runs forward and another backward through a sequence.
#include "host/operation/operation.h"
#include "host/operation/shape_checks.h"
#include "host/ops/recurrent/bidirectional_outputs.h"
#include "host/ops/recurrent/lstm_direction.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t {
  kInput,
  kForwardWeights,
  kBackwardWeights = kForwardWeights + 17,
  kForwardOutputState = kBackwardWeights + 17,
  kForwardCellState,
  kBackwardOutputState,
  kBackwardCellState,
  kAux,
  kForwardAuxWeights,
  kBackwardAuxWeights = kForwardAuxWeights + 4,
  kActivation = kBackwardAuxWeights + 4,
  kCellClip,
  kProjectionClip,
  kMergeOutputs,
  kTimeMajor,
  kForwardLayerNorm,
  kBackwardLayerNorm = kForwardLayerNorm + 4,
};
constexpr LstmPositions kForward{kForwardWeights, kForwardOutputState, kForwardCellState,
                                 kForwardLayerNorm, kForwardAuxWeights};
constexpr LstmPositions kBackward{kBackwardWeights, kBackwardOutputState, kBackwardCellState,
                                  kBackwardLayerNorm, kBackwardAuxWeights};
// Every cell has a forget gate: where its auxiliary weights are, all are.
constexpr uint32_t kForget = reference::kForgetGate;
constexpr AuxPositions kLinks{kInput, kAux, kForwardAuxWeights + kForget,
                              kBackwardAuxWeights + kForget};

BidirectionalOutputs outputs_of(const Node& node) {
  return {.merged = node.flag(kMergeOutputs), .states = 4};
}

SequenceExtent extent_of(const Node& node) {
  const SequenceOrder order{node.flag(kTimeMajor)};
  const Shape& input = node.in(kInput).shape;
  return {order, order.time(input), order.batch(input)};
}

LstmDirection direction(const Node& node, bool backward) {
  return {.at = backward ? kBackward : kForward,
          .first_option = kActivation,
          .input = backward ? kLinks.backward_input(node) : kInput,
          .aux = kLinks.crossed(node) ? std::optional<uint32_t>(kAux) : std::nullopt,
          .backward = backward};
}

struct Memory {
  Memory(const Node& node, const FloatConstants& constants, ScratchCursor& scratch)
      : in(node, constants, scratch),
        forward_out(node, 0, scratch),
        backward_out(node, outputs_of(node).backward(), scratch),
        forward(node, in, direction(node, false), extent_of(node), scratch),
        backward(node, in, direction(node, true), extent_of(node), scratch) {}
  FloatInputs in;
  FloatOutput forward_out, backward_out;
  LstmRun forward, backward;
};

Status check(const Node& node) {
  const auto size = [&](uint32_t i) { return node.has(i) ? node.in(i).shape[2] : 0; };
  const uint32_t batch = extent_of(node).batch;
  return ShapeChecks(node)
      .then([&] { return outputs_of(node).check(node); })
      .then([&] { return check_lstm_options(node, kActivation); })
      .rank(kInput, 3)
      .then([&] { return kLinks.check(node); })
      .then([&] { return check_lstm_operands(node, kForward, batch, size(kInput), size(kAux)); })
      .then([&] {
        const uint32_t input = kLinks.backward_input(node);
        return check_lstm_operands(node, kBackward, batch, size(input), size(kAux));
      })
      .status();
}

Status infer(const Node& node) {
  if (!lstm_options_known(node, kActivation) || !node.known(kMergeOutputs) ||
      !node.known(kTimeMajor))
    return node.later();
  if (const Status status = check(node); status != kOk) return status;
  const auto [order, time, batch] = extent_of(node);
  const LstmSizes forward = lstm_sizes(node, kForward), backward = lstm_sizes(node, kBackward);
  const BidirectionalOutputs out = outputs_of(node);
  out.set_shapes(node, order, time, batch, forward.outputs, backward.outputs);
  if (!out.with_states(node)) return kOk;
  node.out(out.state(0)).shape = {batch, forward.outputs};
  node.out(out.state(1)).shape = {batch, forward.cells};
  node.out(out.state(2)).shape = {batch, backward.outputs};
  node.out(out.state(3)).shape = {batch, backward.cells};
  return kOk;
}

Status run(const Node& node, const Prepared* prepared) {
  if (const Status status = check(node); status != kOk) return status;
  Memory memory = floats_of_run<Memory>(node, prepared);
  const BidirectionalOutputs out = outputs_of(node);
  const ptrdiff_t forward = memory.forward.outputs(), backward = memory.backward.outputs();
  if (out.merged) {
    // Side by side in the vectors of one tensor.
    float* to = memory.forward_out.data();
    memory.forward.run(to, forward + backward);
    memory.backward.run(to ? to + forward : nullptr, forward + backward);
  } else {
    memory.forward.run(memory.forward_out.data(), forward);
    memory.backward.run(memory.backward_out.data(), backward);
    memory.backward_out.store();
  }
  memory.forward_out.store();
  if (out.with_states(node)) {
    memory.forward.store_states(out.state(0), out.state(1));
    memory.backward.store_states(out.state(2), out.state(3));
  }
  return kOk;
}

}  // namespace

NNAPI_OPERATION(BIDIRECTIONAL_SEQUENCE_LSTM, .infer = infer, .prepare = prepare_floats<Memory>,
                .run = run);

}  // namespace nnapi::host
