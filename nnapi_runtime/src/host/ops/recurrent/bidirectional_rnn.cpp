// BIDIRECTIONAL_SEQUENCE_RNN: one cell runs forward and another backward through a sequence.
#include "host/arithmetic/float_views.h"
#include "host/arithmetic/sequence.h"
#include "host/kernels/recurrent/rnn_cell.h"
#include "host/operation/operation.h"
#include "host/operation/shape_checks.h"
#include "host/ops/recurrent/bidirectional_outputs.h"
#include "host/ops/recurrent/rnn_operands.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t {
  kInput,
  kForwardWeights,
  kBackwardWeights = kForwardWeights + 4,
  kAux = kBackwardWeights + 4,
  kForwardAuxWeights,
  kBackwardAuxWeights,
  kActivation,
  kTimeMajor,
  kMergeOutputs
};
constexpr RnnPositions kForward{kForwardWeights}, kBackward{kBackwardWeights};
constexpr AuxPositions kLinks{kInput, kAux, kForwardAuxWeights, kBackwardAuxWeights};

BidirectionalOutputs outputs_of(const Node& node) {
  return {.merged = node.flag(kMergeOutputs), .states = 2};
}

SequenceOrder order_of(const Node& node) { return {node.flag(kTimeMajor)}; }

struct Memory {
  Memory(const Node& node, const FloatConstants& constants, ScratchCursor& scratch)
      : in(node, constants, scratch),
        forward_out(node, 0, scratch),
        backward_out(node, outputs_of(node).backward(), scratch),
        last(scratch.take<float>(
            std::max(node.in(kForward.state()).count(), node.in(kBackward.state()).count()))) {}
  FloatInputs in;
  FloatOutput forward_out, backward_out;
  float* last;
};

Status check(const Node& node) {
  const Shape& input = node.in(kInput).shape;
  const uint32_t batch = order_of(node).batch(input);
  ShapeChecks checks(node);
  checks.then([&] { return outputs_of(node).check(node); })
      .then([&] { return check_cell_activation(node, node.scalar<int32_t>(kActivation)); })
      .rank(kInput, 3)
      .then([&] { return kLinks.check(node); })
      .then([&] { return kForward.check(node, batch, input[2]); })
      .then([&] {
        return kBackward.check(node, batch, node.in(kLinks.backward_input(node)).shape[2]);
      });
  if (checks.status() == kOk && kLinks.crossed(node)) {
    const uint32_t aux = node.in(kAux).shape[2];
    checks.shape(kForwardAuxWeights, {kForward.units(node), aux}, "[units, aux size]")
        .shape(kBackwardAuxWeights, {kBackward.units(node), aux}, "[units, aux size]");
  }
  return checks.status();
}

Status infer(const Node& node) {
  for (uint32_t i : {kActivation, kTimeMajor, kMergeOutputs})
    if (!node.known(i)) return node.later();
  if (const Status status = check(node); status != kOk) return status;
  const Shape& input = node.in(kInput).shape;
  const SequenceOrder order = order_of(node);
  const BidirectionalOutputs out = outputs_of(node);
  const uint32_t batch = order.batch(input);
  out.set_shapes(node, order, order.time(input), batch, kForward.units(node),
                 kBackward.units(node));
  if (out.with_states(node)) {
    node.out(out.state(0)).shape = {batch, kForward.units(node)};
    node.out(out.state(1)).shape = {batch, kBackward.units(node)};
  }
  return kOk;
}

Status run(const Node& node, const Prepared* prepared) {
  if (const Status status = check(node); status != kOk) return status;
  const auto [in, forward_out, backward_out, last] = floats_of_run<Memory>(node, prepared);
  const BidirectionalOutputs out = outputs_of(node);
  const Shape& shape = node.in(kInput).shape;
  const SequenceOrder order = order_of(node);
  const uint32_t time = order.time(shape), batch = order.batch(shape);
  const ptrdiff_t forward_units = kForward.units(node), backward_units = kBackward.units(node);

  const auto run_direction = [&, &in = in, last = last](bool backward, float* to,
                                                        ptrdiff_t stride) {
    const RnnPositions at = backward ? kBackward : kForward;
    reference::RnnCell cell = at.cell(node, in, node.scalar<int32_t>(kActivation));
    const auto vectors = [&](uint32_t i) {
      return ByteVectors<const float>::of(in[i], order, time, batch, node.in(i).shape[2], backward);
    };
    ByteVectors<const float> aux;
    if (kLinks.crossed(node)) {
      cell.aux_weights = in[backward ? kBackwardAuxWeights : kForwardAuxWeights];
      cell.aux_size = node.in(kAux).shape[2];
      aux = vectors(kAux);
    }
    const auto steps = ByteVectors<float>::of(to, order, time, batch, stride, backward);
    run_rnn(node.pool(), cell, time, batch,
            vectors(backward ? kLinks.backward_input(node) : kInput), aux, in[at.state()], steps);
    if (out.with_states(node)) {
      Tensor& state = node.out(out.state(backward ? 1 : 0));
      copy_last_step(time, batch, cell.units, in[at.state()], steps, last);
      store_floats(last, state.count(), state);
    }
  };
  if (out.merged) {
    // Side by side in the vectors of one tensor.
    const ptrdiff_t stride = forward_units + backward_units;
    run_direction(false, forward_out.data(), stride);
    float* beside = forward_out.data() ? forward_out.data() + forward_units : nullptr;
    run_direction(true, beside, stride);
  } else {
    run_direction(false, forward_out.data(), forward_units);
    run_direction(true, backward_out.data(), backward_units);
    backward_out.store();
  }
  forward_out.store();
  return kOk;
}

}  // namespace

NNAPI_OPERATION(BIDIRECTIONAL_SEQUENCE_RNN, .infer = infer, .prepare = prepare_floats<Memory>,
                .run = run);

}  // namespace nnapi::host
