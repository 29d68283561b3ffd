// An LSTM cell in fixed point, with all that the float cell may have but an auxiliary input.
// Weights, inputs and outputs have 8 bits; gates, cell state, peephole and normalisation weights
// have 16. Gates are computed one after the other, each sum saturated to 16 bits.
#pragma once

#include <algorithm>
#include <cstdint>

#include "host/kernels/recurrent/fixed_point.h"
#include "host/kernels/recurrent/lstm_cell.h"
#include "host/kernels/recurrent/quantized_dot.h"

namespace nnapi::host::reference {

struct QuantizedLstmGate {
  const int8_t* weights = nullptr;            // [cells, input_size]
  const int8_t* recurrent_weights = nullptr;  // [cells, outputs]
  const int32_t* bias = nullptr;              // [cells]
  const int16_t* peephole = nullptr;          // [cells], or null
  const int16_t* layer_norm = nullptr;        // [cells], or null
  // From sums of products to the gate, and from normalised numbers to it.
  fixed_point::Multiplier input_scale, recurrent_scale, peephole_scale, norm_scale;
};

struct QuantizedLstmCell {
  int64_t cells = 0, outputs = 0, input_size = 0;
  int32_t input_zero = 0, output_zero = 0, hidden_zero = 0;
  bool coupled = false;  // input gate = 1 - forget gate
  QuantizedLstmGate gate[kLstmGates];
  const int8_t* projection = nullptr;        // [outputs, cells], or null
  const int32_t* projection_bias = nullptr;  // [outputs], or null
  fixed_point::Multiplier hidden_scale, projection_scale;
  int cell_bits = 0;                             // integer bits of the cell state
  int32_t cell_clip = 32768;                     // in steps of the cell state
  int32_t output_low = -128, output_high = 127;  // of a projection
};

// values = (values - mean) / standard deviation * weights + bias, for 16-bit gates with 3 integer
// bits. Normalised numbers have 10 fraction bits.
inline void normalise_quantized_layer(const QuantizedLstmGate& gate, int16_t* values,
                                      int64_t count) {
  using namespace fixed_point;
  int64_t sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) {
    sum += values[i];
    squares += int32_t{values[i]} * values[i];
  }
  const int64_t mean = sum * 1024 / count;
  const int64_t variance = (static_cast<__int128>(squares) * (1 << 20) / count - mean * mean) >> 20;
  const Multiplier by_deviation = inverse_sqrt(saturate<int32_t>(variance));
  for (int64_t i = 0; i < count; ++i) {
    const int32_t normalised = scale(int64_t{values[i]} * 1024 - mean, by_deviation);
    const int64_t weighted = int64_t{normalised} * gate.layer_norm[i] + gate.bias[i];
    const int64_t rounded = (weighted + (weighted > 0 ? 512 : -512)) / 1024;
    values[i] =
        saturate<int16_t>(scale(rounded, {gate.norm_scale.mantissa, gate.norm_scale.shift + 12}));
  }
}

// One step for one element of a batch. `gates` and `hidden` are working memory: 4 * cells and
// cells.
inline void step_quantized_lstm(const QuantizedLstmCell& cell, const int8_t* input,
                                const int8_t* output_state, const int16_t* cell_state,
                                int16_t* gates, int8_t* hidden, int16_t* cell_state_out,
                                int8_t* output) {
  using namespace fixed_point;
  const int64_t n = cell.cells;
  const auto values = [&](int g) { return gates + g * n; };
  // The gate before its activation. The peephole looks at `state`.
  const auto sum_up = [&](int g, const int16_t* state) {
    const QuantizedLstmGate& gate = cell.gate[g];
    for (int64_t i = 0; i < n; ++i) {
      const int64_t from_input = quantized_dot(
          input, cell.input_zero, gate.weights + i * cell.input_size, 0, cell.input_size);
      const int64_t from_output =
          quantized_dot(output_state, cell.output_zero, gate.recurrent_weights + i * cell.outputs,
                        0, cell.outputs);
      // With layer normalisation the bias comes after it.
      const int64_t bias = gate.layer_norm ? 0 : gate.bias[i];
      int16_t value = saturate<int16_t>(scale(from_input + bias, gate.input_scale));
      value = saturate<int16_t>(int64_t{scale(from_output, gate.recurrent_scale)} + value);
      if (gate.peephole)
        value = saturate<int16_t>(
            int64_t{scale(int64_t{gate.peephole[i]} * state[i], gate.peephole_scale)} + value);
      values(g)[i] = value;
    }
    if (gate.layer_norm) normalise_quantized_layer(gate, values(g), n);
  };
  constexpr int kGateBits = 3;
  const auto squash = [&](int g) {
    for (int64_t i = 0; i < n; ++i) values(g)[i] = logistic(values(g)[i]);
  };

  sum_up(kForgetGate, cell_state);
  squash(kForgetGate);
  sum_up(kCellGate, cell_state);
  for (int64_t i = 0; i < n; ++i) values(kCellGate)[i] = tanh(values(kCellGate)[i], kGateBits);
  if (cell.coupled) {
    for (int64_t i = 0; i < n; ++i)
      values(kInputGate)[i] = static_cast<int16_t>(32767 - values(kForgetGate)[i]);
  } else {
    sum_up(kInputGate, cell_state);
    squash(kInputGate);
  }
  for (int64_t i = 0; i < n; ++i) {
    const int32_t kept = int32_t{values(kForgetGate)[i]} * cell_state[i];
    const int32_t added = int32_t{values(kInputGate)[i]} * values(kCellGate)[i];
    const int16_t c = saturate<int16_t>(saturate<int16_t>(shift_right(kept, 15)) +
                                        saturate<int16_t>(shift_right(added, 15 + cell.cell_bits)));
    cell_state_out[i] =
        static_cast<int16_t>(std::clamp<int32_t>(c, -cell.cell_clip, cell.cell_clip));
  }

  sum_up(kOutputGate, cell_state_out);
  squash(kOutputGate);
  int8_t* to = cell.projection ? hidden : output;
  for (int64_t i = 0; i < n; ++i) {
    const int32_t product =
        int32_t{values(kOutputGate)[i]} * tanh(cell_state_out[i], cell.cell_bits);
    to[i] = saturate<int8_t>(int64_t{scale(product, cell.hidden_scale)} - cell.hidden_zero);
  }
  if (!cell.projection) return;
  for (int64_t r = 0; r < cell.outputs; ++r) {
    const int64_t sum = (cell.projection_bias ? cell.projection_bias[r] : 0) +
                        quantized_dot(hidden, -cell.hidden_zero, cell.projection + r * n, 0, n);
    output[r] = static_cast<int8_t>(
        std::clamp<int64_t>(int64_t{scale(sum, cell.projection_scale)} + cell.output_zero,
                            cell.output_low, cell.output_high));
  }
}

}  // namespace nnapi::host::reference
