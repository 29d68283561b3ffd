// One LSTM cell's way through a sequence: what the operations LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM
// and, twice, BIDIRECTIONAL_SEQUENCE_LSTM do.
#pragma once

#include <optional>

#include "host/arithmetic/float_views.h"
#include "host/arithmetic/sequence.h"
#include "host/kernels/recurrent/lstm_cell.h"
#include "host/operation/operation.h"
#include "host/ops/recurrent/lstm_operands.h"

namespace nnapi::host {

struct LstmDirection {
  LstmPositions at;
  uint32_t first_option;  // activation, cell clip, projection clip
  uint32_t input = 0;
  std::optional<uint32_t> aux = std::nullopt;
  bool backward = false;
};

struct SequenceExtent {
  SequenceOrder order;
  uint32_t time, batch;
};

inline bool lstm_options_known(const Node& node, uint32_t first) {
  return node.known(first) && node.known(first + 1) && node.known(first + 2);
}

inline Status check_lstm_options(const Node& node, uint32_t first) {
  for (uint32_t i : {first + 1, first + 2})
    if (!(node.real(i) >= 0.0f))
      return node.bad("input %u, a clipping limit, is %g, must be 0 (none) or positive", i,
                      static_cast<double>(node.real(i)));
  return check_cell_activation(node, node.scalar<int32_t>(first));
}

class LstmRun {
 public:
  // Lays out its memory; `scratch` may only count.
  LstmRun(const Node& node, const FloatInputs& in, const LstmDirection& direction,
          const SequenceExtent& extent, ScratchCursor& scratch)
      : node_(node),
        in_(in),
        direction_(direction),
        extent_(extent),
        cell_(lstm_cell(node, in, direction.at)),
        sequence_(cell_, extent.time, extent.batch, scratch),
        cell_state_(scratch.take<float>(node.in(direction.at.cell_state).count())),
        last_output_(scratch.take<float>(node.in(direction.at.output_state).count())) {
    cell_.activation = static_cast<CellActivation>(node.scalar<int32_t>(direction.first_option));
    cell_.cell_clip = node.real(direction.first_option + 1);
    cell_.projection_clip = node.real(direction.first_option + 2);
  }
  LstmRun(const LstmRun&) = delete;

  // Writes the outputs of all steps; neighbours in memory are `stride` apart.
  void run(float* out, ptrdiff_t stride) {
    const auto [order, time, batch] = extent_;
    const auto steps = ByteVectors<float>::of(out, order, time, batch, stride, direction_.backward);
    const float* state = in_[direction_.at.output_state];
    std::copy_n(in_[direction_.at.cell_state], batch * cell_.cells, cell_state_);
    sequence_.run(node_.pool(), vectors(direction_.input),
                  direction_.aux ? vectors(*direction_.aux) : ByteVectors<const float>{}, state,
                  cell_state_, steps);
    copy_last_step(time, batch, cell_.outputs, state, steps, last_output_);
  }

  ptrdiff_t outputs() const { return static_cast<ptrdiff_t>(cell_.outputs); }
  // Stores the states after the last step into these outputs of the operation.
  void store_states(uint32_t output_state, uint32_t cell_state) const {
    store_floats(last_output_, node_.out(output_state).count(), node_.out(output_state));
    store_floats(cell_state_, node_.out(cell_state).count(), node_.out(cell_state));
  }

 private:
  ByteVectors<const float> vectors(uint32_t input) const {
    const Shape& shape = node_.in(input).shape;
    return ByteVectors<const float>::of(in_[input], extent_.order, extent_.time, extent_.batch,
                                        shape[shape.rank() - 1], direction_.backward);
  }

  const Node& node_;
  const FloatInputs& in_;
  LstmDirection direction_;
  SequenceExtent extent_;
  reference::LstmCell cell_;
  reference::LstmSequence sequence_;
  float *cell_state_, *last_output_;
};

}  // namespace nnapi::host
