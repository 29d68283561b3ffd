// Where operations keep the operands of an LSTM cell, and the rules about them that all share.
#pragma once

#include <cstdint>

#include "host/arithmetic/float_views.h"
#include "host/kernels/recurrent/lstm_cell.h"
#include "host/operation/operation.h"

namespace nnapi::host {

// Groups of four are in the order input, forget, cell, output gate.
struct LstmPositions {
  uint32_t weights;  // first of 17: four input weights, and what follows them
  uint32_t output_state, cell_state;
  uint32_t layer_norm;       // first of four
  uint32_t aux_weights = 0;  // first of four; 0: the operation has none

  uint32_t recurrent_weights() const { return weights + 4; }
  uint32_t peephole(uint32_t gate) const {  // of three: the cell gate has none
    return weights + 8 + (gate > reference::kCellGate ? gate - 1 : gate);
  }
  uint32_t bias() const { return weights + 11; }
  uint32_t projection_weights() const { return weights + 15; }
  uint32_t projection_bias() const { return weights + 16; }
};

struct LstmSizes {
  uint32_t cells, outputs;
};

// Checks which operands are given and all their shapes. `input_size` is the size of an input
// vector, `aux_size` that of an auxiliary one.
//
// An input of the model may be left out as late as when the model runs. Before, such an operand
// counts as given or not, whichever makes the cell valid: run has to check again.
Status check_lstm_operands(const Node& node, const LstmPositions& at, uint32_t batch,
                           uint32_t input_size, uint32_t aux_size = 0);

// After check_lstm_operands.
LstmSizes lstm_sizes(const Node& node, const LstmPositions& at);

// The float cell of these operands, without its options.
reference::LstmCell lstm_cell(const Node& node, const FloatInputs& in, const LstmPositions& at);

}  // namespace nnapi::host
