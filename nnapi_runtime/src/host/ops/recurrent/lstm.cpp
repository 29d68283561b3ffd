// LSTM: one step; UNIDIRECTIONAL_SEQUENCE_LSTM: many.
#include <cstring>

#include "host/operation/operation.h"
#include "host/operation/optional_inputs.h"
#include "host/operation/shape_checks.h"
#include "host/ops/recurrent/lstm_direction.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t {
  kInput,
  kWeights,
  kOutputState = kWeights + 17,
  kCellState,
  kActivation,
  kCellClip,
  kProjectionClip,
};

// ---- LSTM

namespace step {

constexpr uint32_t kLayerNorm = kProjectionClip + 1;
constexpr LstmPositions kCell{kWeights, kOutputState, kCellState, kLayerNorm};
enum Output : uint32_t { kScratch, kOutputStateOut, kCellStateOut, kOut };

struct Memory {
  Memory(const Node& node, const FloatConstants& constants, ScratchCursor& scratch)
      : in(node, constants, scratch),
        out(node, kOut, scratch),
        lstm(node, in, {kCell, kActivation}, {{true}, 1, node.in(kInput).shape[0]}, scratch) {}
  FloatInputs in;
  FloatOutput out;
  LstmRun lstm;
};

Status check(const Node& node) {
  const Shape& input = node.in(kInput).shape;
  return ShapeChecks(node)
      .rank(kInput, 2)
      .then([&] { return check_lstm_options(node, kActivation); })
      .then([&] { return check_lstm_operands(node, kCell, input[0], input[1]); })
      .status();
}

Status infer(const Node& node) {
  if (!lstm_options_known(node, kActivation)) return node.later();
  // The size of the scratch output tells whether there is an input gate.
  if (node.has(kWeights) && !certainly_given(node, kWeights)) return node.later();
  if (const Status status = check(node); status != kOk) return status;
  const uint32_t batch = node.in(kInput).shape[0];
  const auto [cells, outputs] = lstm_sizes(node, kCell);
  const uint64_t scratch = uint64_t{cells} * (node.has(kWeights) ? 4 : 3);
  if (scratch > UINT32_MAX) return node.bad("%u cells are too many", cells);
  node.out(kScratch).shape = {batch, static_cast<uint32_t>(scratch)};
  node.out(kOutputStateOut).shape = node.out(kOut).shape = {batch, outputs};
  node.out(kCellStateOut).shape = {batch, cells};
  return kOk;
}

Status run(const Node& node, const Prepared* prepared) {
  if (const Status status = check(node); status != kOk) return status;
  Memory memory = floats_of_run<Memory>(node, prepared);
  memory.lstm.run(memory.out.data(), memory.lstm.outputs());
  memory.lstm.store_states(kOutputStateOut, kCellStateOut);
  memory.out.store();
  // Nothing is said about the values of this output.
  Tensor& unused = node.out(kScratch);
  if (unused.data) std::memset(unused.data, 0, unused.count() * element_size(unused.type));
  return kOk;
}

}  // namespace step

// ---- UNIDIRECTIONAL_SEQUENCE_LSTM

namespace sequence {

constexpr uint32_t kTimeMajor = kProjectionClip + 1, kLayerNorm = kTimeMajor + 1;
constexpr LstmPositions kCell{kWeights, kOutputState, kCellState, kLayerNorm};
enum Output : uint32_t { kOut, kOutputStateOut, kCellStateOut };

SequenceExtent extent_of(const Node& node) {
  const SequenceOrder order{node.flag(kTimeMajor)};
  const Shape& input = node.in(kInput).shape;
  return {order, order.time(input), order.batch(input)};
}

struct Memory {
  Memory(const Node& node, const FloatConstants& constants, ScratchCursor& scratch)
      : in(node, constants, scratch),
        out(node, kOut, scratch),
        lstm(node, in, {kCell, kActivation}, extent_of(node), scratch) {}
  FloatInputs in;
  FloatOutput out;
  LstmRun lstm;
};

Status check(const Node& node) {
  const uint32_t batch = extent_of(node).batch, input_size = node.in(kInput).shape[2];
  return ShapeChecks(node)
      .rank(kInput, 3)
      .then([&] { return check_lstm_options(node, kActivation); })
      .then([&] { return check_lstm_operands(node, kCell, batch, input_size); })
      .status();
}

Status infer(const Node& node) {
  if (!lstm_options_known(node, kActivation) || !node.known(kTimeMajor)) return node.later();
  if (node.num_outputs() != 1 && node.num_outputs() != 3)
    return node.bad("%u outputs, must be 1, or 3 with the states", node.num_outputs());
  if (const Status status = check(node); status != kOk) return status;
  const auto [order, time, batch] = extent_of(node);
  const auto [cells, outputs] = lstm_sizes(node, kCell);
  node.out(kOut).shape = order.shape(time, batch, outputs);
  if (node.has_output(kOutputStateOut)) node.out(kOutputStateOut).shape = {batch, outputs};
  if (node.has_output(kCellStateOut)) node.out(kCellStateOut).shape = {batch, cells};
  return kOk;
}

Status run(const Node& node, const Prepared* prepared) {
  if (const Status status = check(node); status != kOk) return status;
  Memory memory = floats_of_run<Memory>(node, prepared);
  memory.lstm.run(memory.out.data(), memory.lstm.outputs());
  memory.out.store();
  if (node.has_output(kCellStateOut)) memory.lstm.store_states(kOutputStateOut, kCellStateOut);
  return kOk;
}

}  // namespace sequence
}  // namespace

NNAPI_OPERATION(LSTM, .infer = step::infer, .prepare = prepare_floats<step::Memory>,
                .run = step::run);
NNAPI_OPERATION(UNIDIRECTIONAL_SEQUENCE_LSTM, .infer = sequence::infer,
                .prepare = prepare_floats<sequence::Memory>, .run = sequence::run);

}  // namespace nnapi::host
