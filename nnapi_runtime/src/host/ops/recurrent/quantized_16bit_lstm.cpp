// QUANTIZED_16BIT_LSTM: a plain LSTM cell in fixed point. Input and output are 8-bit with scale
// 1/128, gates 16-bit with 3 integer bits, the cell state 16-bit with 4.
#include <algorithm>

#include "host/kernels/recurrent/fixed_point.h"
#include "host/kernels/recurrent/quantized_dot.h"
#include "host/operation/prepare_scratch.h"
#include "host/operation/shape_checks.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t {
  kInput,
  kWeights,                          // four: input, forget, cell, output gate
  kRecurrentWeights = kWeights + 4,  // likewise
  kBias = kRecurrentWeights + 4,     // likewise
  kCellState = kBias + 4,
  kOutputState,
};
enum Output : uint32_t { kCellStateOut, kOut };
enum Gate { kInputGate, kForgetGate, kCellGate, kOutputGate, kGates };

constexpr float kInputScale = 1.0f / 128, kCellScale = 1.0f / 2048;
constexpr int32_t kInputZero = 128;
constexpr int kGateBits = 3, kCellBits = 4;  // integer bits

Status check_quantization(const Node& node, uint32_t input, float scale, int32_t zero_point) {
  const Tensor& t = node.in(input);
  if (t.scale == scale && t.zero_point == zero_point) return kOk;
  return node.bad("input %u has scale %g and zero point %d, must be %g and %d", input,
                  static_cast<double>(t.scale), t.zero_point, static_cast<double>(scale),
                  zero_point);
}

Status check_output(const Node& node, uint32_t output, const Tensor& like) {
  const Tensor& t = node.out(output);
  if (t.scale == like.scale && t.zero_point == like.zero_point) return kOk;
  return node.bad("output %u has scale %g and zero point %d, must be %g and %d as before the step",
                  output, static_cast<double>(t.scale), t.zero_point,
                  static_cast<double>(like.scale), like.zero_point);
}

// From sums of products to 16-bit gates.
bool gate_multiplier(const Node& node, fixed_point::Multiplier* multiplier) {
  return fixed_point::Multiplier::from(4096.0 * node.in(kBias).scale, multiplier);
}

Status infer(const Node& node) {
  ShapeChecks checks(node);
  checks.rank(kInput, 2)
      .rank(kOutputState, 2)
      .then([&] { return check_quantization(node, kInput, kInputScale, kInputZero); })
      .then([&] { return check_quantization(node, kOutputState, kInputScale, kInputZero); })
      .then([&] { return check_quantization(node, kCellState, kCellScale, 0); });
  const uint32_t batch = node.in(kInput).shape[0], size = node.in(kInput).shape[1];
  const uint32_t outputs = node.in(kOutputState).shape[1];
  const Tensor& weights = node.in(kWeights);
  if (checks.status() == kOk && !(weights.scale > 0.0f))
    return node.bad("input %u has scale %g, must be positive", kWeights,
                    static_cast<double>(weights.scale));
  const float bias_scale = static_cast<float>(weights.scale / 128.0);
  for (uint32_t g = 0; g < kGates; ++g) {
    for (uint32_t i : {kWeights + g, kRecurrentWeights + g})
      checks.shape(i, {outputs, i < kRecurrentWeights ? size : outputs}, "[outputs, inputs]")
          .then([&] { return check_quantization(node, i, weights.scale, weights.zero_point); });
    checks.shape(kBias + g, {outputs}, "[outputs]").then([&] {
      return check_quantization(node, kBias + g, bias_scale, 0);
    });
  }
  checks.shape(kOutputState, {batch, outputs}, "[batch, outputs]")
      .shape(kCellState, {batch, outputs}, "[batch, outputs]")
      .then([&] { return check_output(node, kCellStateOut, node.in(kCellState)); })
      .then([&] { return check_output(node, kOut, node.in(kOutputState)); });
  fixed_point::Multiplier unused;
  if (checks.status() == kOk && !gate_multiplier(node, &unused))
    return node.bad("weights of scale %g are out of range", static_cast<double>(weights.scale));
  node.out(kCellStateOut).shape = node.out(kOut).shape = {batch, outputs};
  return checks.status();
}

// The vectors that the gates' weights multiply. What devices have always computed is not what the
// operands' names say: a gate's weights are its recurrent row followed by its input row, but they
// meet the input followed by the output state.
struct Memory {
  Memory(const Node& node, ScratchCursor& scratch)
      : vectors(scratch.take<uint8_t>(node.in(kInput).count() + node.in(kOutputState).count())) {}
  uint8_t* vectors;
};

Status run(const Node& node, const Prepared*) {
  using namespace fixed_point;
  using reference::quantized_dot;
  Multiplier to_gate;
  if (!gate_multiplier(node, &to_gate)) return node.bad("weights are out of range");
  const int64_t batch = node.in(kInput).shape[0], size = node.in(kInput).shape[1];
  const int64_t outputs = node.in(kOutputState).shape[1];
  const int32_t weight_zero = node.in(kWeights).zero_point;
  ScratchCursor scratch(node.scratch());
  uint8_t* vectors = Memory(node, scratch).vectors;
  for (int64_t b = 0; b < batch; ++b) {
    uint8_t* to = vectors + b * (size + outputs);
    to = std::copy_n(node.in(kInput).as<uint8_t>() + b * size, size, to);
    std::copy_n(node.in(kOutputState).as<uint8_t>() + b * outputs, outputs, to);
  }
  const int64_t grain = std::max<int64_t>(1, 8192 / std::max<int64_t>(1, size + outputs));

  parallel_for(node.pool(), batch * outputs, grain, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t b = k / outputs, unit = k % outputs;
      const uint8_t* vector = vectors + b * (size + outputs);
      int16_t gate[kGates];
      for (uint32_t g = 0; g < kGates; ++g) {
        const uint8_t* w = node.in(kWeights + g).as<uint8_t>() + unit * size;
        const uint8_t* r = node.in(kRecurrentWeights + g).as<uint8_t>() + unit * outputs;
        const int64_t sum = node.in(kBias + g).as<int32_t>()[unit] +
                            quantized_dot(vector, kInputZero, r, weight_zero, outputs) +
                            quantized_dot(vector + outputs, kInputZero, w, weight_zero, size);
        gate[g] = saturate<int16_t>(scale(sum, to_gate));
      }
      const int16_t forgotten =
          multiply(logistic(gate[kForgetGate]), node.in(kCellState).as<int16_t>()[k]);
      const int16_t added = multiply(logistic(gate[kInputGate]), tanh(gate[kCellGate], kGateBits));
      const int16_t cell = saturate<int16_t>(int64_t{rescale(added, 0, kCellBits)} + forgotten);
      const int16_t squashed = tanh(rescale(cell, kCellBits, kGateBits), kGateBits);
      const int16_t out = multiply(logistic(gate[kOutputGate]), squashed);
      node.out(kCellStateOut).as<int16_t>()[k] = cell;
      node.out(kOut).as<uint8_t>()[k] =
          static_cast<uint8_t>(kInputZero + saturate<int8_t>(shift_right(out, 8)));
    }
  });
  return kOk;
}

}  // namespace

NNAPI_OPERATION(QUANTIZED_16BIT_LSTM, .infer = infer, .prepare = prepare_scratch<Memory>,
                .run = run);

}  // namespace nnapi::host
