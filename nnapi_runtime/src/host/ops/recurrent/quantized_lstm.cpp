// QUANTIZED_LSTM: one step of an LSTM cell in fixed point.
#include <cmath>

#include "host/kernels/recurrent/quantized_lstm_cell.h"
#include "host/operation/prepare_scratch.h"
#include "host/operation/shape_checks.h"
#include "host/ops/recurrent/lstm_operands.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

using fixed_point::Multiplier;
using reference::kForgetGate;
using reference::kInputGate;
using reference::kLstmGates;
using reference::QuantizedLstmCell;
using reference::QuantizedLstmGate;

enum Input : uint32_t {
  kInput,
  kWeights,
  kOutputState = kWeights + 17,
  kCellState,
  kLayerNorm,
  kCellClip = kLayerNorm + 4,
  kProjectionClip,
  kGateScale,  // four: the scales of the gates before their activation
  kHiddenZeroPoint = kGateScale + 4,
  kHiddenScale,
};
enum Output : uint32_t { kOutputStateOut, kCellStateOut, kOut };
constexpr LstmPositions kCell{kWeights, kOutputState, kCellState, kLayerNorm};

Status check(const Node& node) {
  const Shape& input = node.in(kInput).shape;
  return ShapeChecks(node)
      .rank(kInput, 2)
      .then([&] { return check_lstm_operands(node, kCell, input[0], input[1]); })
      .status();
}

// ---- scales

// `scale` = 2^(bits - 15) for 0 to 6 integer bits of a 16-bit number.
bool integer_bits_of(float scale, int* bits) {
  const float log2 = std::log2(scale);
  if (!(std::abs(log2 - std::round(log2)) < 1e-3f)) return false;
  *bits = static_cast<int>(std::round(log2)) + 15;
  return *bits >= 0 && *bits <= 6;
}

// A symmetric limit in steps of `scale`; all of the range if there is none.
int32_t steps_of(float limit, float scale, int32_t most) {
  if (!(limit > 0.0f)) return most;
  return static_cast<int32_t>(std::min(limit / scale, static_cast<float>(most)));
}

Status set_gate_scales(const Node& node, uint32_t g, float cell_scale, QuantizedLstmGate* gate) {
  const float to = node.real(kGateScale + g);
  const auto set = [&](uint32_t operand, double scale, Multiplier* multiplier) {
    if (!node.has(operand) || Multiplier::from(scale, multiplier)) return kOk;
    return node.bad("gate %u: factor %g for input %u is out of range", g, scale, operand);
  };
  const auto scale_of = [&](uint32_t i) { return node.has(i) ? node.in(i).scale : 0.0f; };
  const uint32_t weights = kWeights + g, recurrent = kCell.recurrent_weights() + g;
  ShapeChecks checks(node);
  checks
      .then([&] {
        return set(weights, scale_of(weights) * node.in(kInput).scale / to, &gate->input_scale);
      })
      .then([&] {
        return set(recurrent, scale_of(recurrent) * node.in(kOutputState).scale / to,
                   &gate->recurrent_scale);
      })
      .then([&] { return set(kLayerNorm + g, scale_of(kLayerNorm + g), &gate->norm_scale); });
  if (g != reference::kCellGate)
    checks.then([&] {
      const uint32_t peephole = kCell.peephole(g);
      return set(peephole, cell_scale * scale_of(peephole) / to, &gate->peephole_scale);
    });
  return checks.status();
}

Status set_scales(const Node& node, QuantizedLstmCell* cell) {
  const float cell_scale = node.in(kCellState).scale, out_scale = node.in(kOutputState).scale;
  if (!integer_bits_of(cell_scale, &cell->cell_bits))
    return node.bad("cell state scale %g, must be a power of 2 from 2^-15 to 2^-9",
                    static_cast<double>(cell_scale));
  const float rounded_cell_scale = std::ldexp(1.0f, cell->cell_bits - 15);
  for (uint32_t g = cell->coupled ? kForgetGate : kInputGate; g < kLstmGates; ++g) {
    const Status status = set_gate_scales(node, g, rounded_cell_scale, &cell->gate[g]);
    if (status != kOk) return status;
  }
  const float hidden = node.real(kHiddenScale);
  if (!Multiplier::from(0x1p-30f / hidden, &cell->hidden_scale))
    return node.bad("hidden state scale %g is out of range", static_cast<double>(hidden));
  cell->hidden_zero = node.scalar<int32_t>(kHiddenZeroPoint);
  if (cell->hidden_zero < -128 || cell->hidden_zero > 127)
    return node.bad("hidden state zero point %d, must be from -128 to 127", cell->hidden_zero);
  cell->cell_clip = steps_of(node.real(kCellClip), cell_scale, 32768);
  const uint32_t projection = kCell.projection_weights();
  if (!node.has(projection)) return kOk;
  if (!Multiplier::from(node.in(projection).scale * hidden / out_scale, &cell->projection_scale))
    return node.bad("projection weights of scale %g are out of range",
                    static_cast<double>(node.in(projection).scale));
  const int32_t clip = steps_of(node.real(kProjectionClip), out_scale, 255);
  cell->output_low = std::max(-128, cell->output_zero - clip);
  cell->output_high = std::min(127, cell->output_zero + clip);
  return kOk;
}

Status set_cell(const Node& node, QuantizedLstmCell* cell) {
  const auto data = [&]<class T>(uint32_t i, const T** to) {
    *to = node.has(i) ? node.in(i).as<T>() : nullptr;
  };
  cell->cells = lstm_sizes(node, kCell).cells;
  cell->outputs = lstm_sizes(node, kCell).outputs;
  cell->input_size = node.in(kInput).shape[1];
  cell->input_zero = node.in(kInput).zero_point;
  cell->output_zero = node.in(kOutputState).zero_point;
  cell->coupled = !node.has(kWeights);
  for (uint32_t g = 0; g < kLstmGates; ++g) {
    QuantizedLstmGate& gate = cell->gate[g];
    data(kWeights + g, &gate.weights);
    data(kCell.recurrent_weights() + g, &gate.recurrent_weights);
    data(kCell.bias() + g, &gate.bias);
    data(kLayerNorm + g, &gate.layer_norm);
    if (g != reference::kCellGate) data(kCell.peephole(g), &gate.peephole);
  }
  data(kCell.projection_weights(), &cell->projection);
  data(kCell.projection_bias(), &cell->projection_bias);
  return set_scales(node, cell);
}

Status infer(const Node& node) {
  for (uint32_t i = kCellClip; i <= kHiddenScale; ++i)
    if (node.has(i) && !node.known(i)) return node.later();
  if (const Status status = check(node); status != kOk) return status;
  QuantizedLstmCell cell;
  if (const Status status = set_cell(node, &cell); status != kOk) return status;
  const Shape& state = node.in(kOutputState).shape;
  node.out(kOutputStateOut).shape = node.out(kOut).shape = state;
  node.out(kCellStateOut).shape = node.in(kCellState).shape;
  return kOk;
}

// ---- running

struct Memory {
  Memory(const Node& node, ScratchCursor& scratch) {
    const size_t units = node.in(kCellState).count();
    gates = scratch.take<int16_t>(kLstmGates * units);
    hidden = scratch.take<int8_t>(units);
  }
  int16_t* gates;
  int8_t* hidden;
};

Status run(const Node& node, const Prepared*) {
  if (const Status status = check(node); status != kOk) return status;
  QuantizedLstmCell cell;
  if (const Status status = set_cell(node, &cell); status != kOk) return status;
  ScratchCursor scratch(node.scratch());
  const Memory memory(node, scratch);
  parallel_for(node.pool(), node.in(kInput).shape[0], 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      int8_t* output = node.out(kOut).as<int8_t>() + b * cell.outputs;
      step_quantized_lstm(cell, node.in(kInput).as<int8_t>() + b * cell.input_size,
                          node.in(kOutputState).as<int8_t>() + b * cell.outputs,
                          node.in(kCellState).as<int16_t>() + b * cell.cells,
                          memory.gates + b * kLstmGates * cell.cells,
                          memory.hidden + b * cell.cells,
                          node.out(kCellStateOut).as<int16_t>() + b * cell.cells, output);
      std::copy_n(output, cell.outputs, node.out(kOutputStateOut).as<int8_t>() + b * cell.outputs);
    }
  });
  return kOk;
}

}  // namespace

NNAPI_OPERATION(QUANTIZED_LSTM, .infer = infer, .prepare = prepare_scratch<Memory>, .run = run);

}  // namespace nnapi::host
