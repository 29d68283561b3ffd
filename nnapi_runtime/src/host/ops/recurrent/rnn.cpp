// RNN: one step of a basic recurrent cell; UNIDIRECTIONAL_SEQUENCE_RNN: many.
#include "host/arithmetic/float_views.h"
#include "host/arithmetic/sequence.h"
#include "host/kernels/recurrent/rnn_cell.h"
#include "host/operation/operation.h"
#include "host/operation/shape_checks.h"
#include "host/ops/recurrent/rnn_operands.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t {
  kInput,
  kWeights,
  kState = kWeights + 3,
  kActivation,
  kTimeMajor,  // of the sequence
};
constexpr RnnPositions kCell{kWeights};

Status check(const Node& node, uint32_t rank, uint32_t batch) {
  return ShapeChecks(node)
      .rank(kInput, rank)
      .then([&] { return check_cell_activation(node, node.scalar<int32_t>(kActivation)); })
      .then([&] { return kCell.check(node, batch, node.in(kInput).shape[rank - 1]); })
      .status();
}

// ---- RNN

namespace step {

enum Output : uint32_t { kStateOut, kOut };

struct Memory {
  Memory(const Node& node, const FloatConstants& constants, ScratchCursor& scratch)
      : in(node, constants, scratch), out(node, kOut, scratch) {}
  FloatInputs in;
  FloatOutput out;
};

Status infer(const Node& node) {
  if (!node.known(kActivation)) return node.later();
  const uint32_t batch = node.in(kInput).shape[0];
  if (const Status status = check(node, 2, batch); status != kOk) return status;
  node.out(kStateOut).shape = node.out(kOut).shape = {batch, kCell.units(node)};
  return kOk;
}

Status run(const Node& node, const Prepared* prepared) {
  const auto [in, out] = floats_of_run<Memory>(node, prepared);
  const int64_t batch = node.in(kInput).shape[0];
  const reference::RnnCell cell = kCell.cell(node, in, node.scalar<int32_t>(kActivation));
  run_rnn(node.pool(), cell, 1, batch, {in[kInput], 0, cell.input_size}, {}, in[kState],
          {out.data(), 0, cell.units});
  out.store();
  store_floats(out.data(), node.out(kStateOut).count(), node.out(kStateOut));
  return kOk;
}

}  // namespace step

// ---- UNIDIRECTIONAL_SEQUENCE_RNN

namespace sequence {

enum Output : uint32_t { kOut, kStateOut };

SequenceOrder order_of(const Node& node) { return {node.scalar<int32_t>(kTimeMajor) != 0}; }

struct Memory {
  Memory(const Node& node, const FloatConstants& constants, ScratchCursor& scratch)
      : in(node, constants, scratch),
        out(node, kOut, scratch),
        last(scratch.take<float>(node.in(kState).count())) {}
  FloatInputs in;
  FloatOutput out;
  float* last;
};

Status infer(const Node& node) {
  if (!node.known(kActivation) || !node.known(kTimeMajor)) return node.later();
  const int32_t time_major = node.scalar<int32_t>(kTimeMajor);
  if (time_major != 0 && time_major != 1)
    return node.bad("time major is %d, must be 0 or 1", time_major);
  const Shape& input = node.in(kInput).shape;
  const SequenceOrder order = order_of(node);
  const uint32_t batch = order.batch(input);
  if (const Status status = check(node, 3, batch); status != kOk) return status;
  node.out(kOut).shape = order.shape(order.time(input), batch, kCell.units(node));
  if (node.has_output(kStateOut)) node.out(kStateOut).shape = {batch, kCell.units(node)};
  return kOk;
}

Status run(const Node& node, const Prepared* prepared) {
  const auto [in, out, last] = floats_of_run<Memory>(node, prepared);
  const Shape& input = node.in(kInput).shape;
  const SequenceOrder order = order_of(node);
  const uint32_t time = order.time(input), batch = order.batch(input);
  const reference::RnnCell cell = kCell.cell(node, in, node.scalar<int32_t>(kActivation));
  const auto inputs =
      ByteVectors<const float>::of(in[kInput], order, time, batch, cell.input_size, false);
  const auto steps = ByteVectors<float>::of(out.data(), order, time, batch, cell.units, false);
  run_rnn(node.pool(), cell, time, batch, inputs, {}, in[kState], steps);
  out.store();
  if (node.has_output(kStateOut)) {
    copy_last_step(time, batch, cell.units, in[kState], steps, last);
    store_floats(last, node.out(kStateOut).count(), node.out(kStateOut));
  }
  return kOk;
}

}  // namespace sequence
}  // namespace

NNAPI_OPERATION(RNN, .infer = step::infer, .prepare = prepare_floats<step::Memory>,
                .run = step::run);
NNAPI_OPERATION(UNIDIRECTIONAL_SEQUENCE_RNN, .infer = sequence::infer,
                .prepare = prepare_floats<sequence::Memory>, .run = sequence::run);

}  // namespace nnapi::host
