// A float LSTM cell with all that NNAPI's cells may have: coupled input and forget gates, peephole
// connections, layer normalisation, an auxiliary input, clipping, a projection.
//
//   i = sigmoid(Wi x + Ri h + Pi * c)              f, likewise
//   c' = clip(f * c + i * activation(Wg x + Rg h))
//   o = sigmoid(Wo x + Ro h + Po * c')
//   h' = clip(projection(o * activation(c')))
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "host/arithmetic/cell_activation.h"
#include "host/arithmetic/sequence.h"
#include "host/kernels/matmul/matrix_vector.h"
#include "host/memory/scratch.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host::reference {

// In the order in which NNAPI's operations list the parameters of a cell.
enum LstmGate { kInputGate, kForgetGate, kCellGate, kOutputGate, kLstmGates };

struct LstmCell {
  int64_t cells = 0, outputs = 0, input_size = 0, aux_size = 0;
  bool coupled = false;  // i = 1 - f: the input gate has no parameters
  // By gate.
  const float* weights[kLstmGates] = {};            // [cells, input_size]
  const float* recurrent_weights[kLstmGates] = {};  // [cells, outputs]
  const float* bias[kLstmGates] = {};               // [cells]
  const float* aux_weights[kLstmGates] = {};        // [cells, aux_size], or null
  const float* peephole[kLstmGates] = {};           // [cells], or null; never of the cell gate
  const float* layer_norm[kLstmGates] = {};         // [cells], or null
  const float* projection = nullptr;                // [outputs, cells]; null: h = o * activation(c)
  const float* projection_bias = nullptr;           // [outputs], or null
  CellActivation activation = CellActivation::kTanh;
  float cell_clip = 0.0f, projection_clip = 0.0f;  // 0: none

  LstmGate first_gate() const { return coupled ? kForgetGate : kInputGate; }
};

inline void clip(float limit, float* values, int64_t count) {
  if (limit <= 0.0f) return;
  for (int64_t i = 0; i < count; ++i) values[i] = std::clamp(values[i], -limit, limit);
}

// values = (values - mean) / standard deviation * weights + bias
inline void normalise_layer(const float* weights, const float* bias, float* values, int64_t count) {
  float sum = 0.0f, squares = 0.0f;
  for (int64_t i = 0; i < count; ++i) sum += values[i];
  const float mean = sum / static_cast<float>(count);
  for (int64_t i = 0; i < count; ++i) squares += (values[i] - mean) * (values[i] - mean);
  const float scale = 1.0f / std::sqrt(squares / static_cast<float>(count) + 1e-8f);
  for (int64_t i = 0; i < count; ++i) values[i] = (values[i] - mean) * scale * weights[i] + bias[i];
}

class LstmSequence {
 public:
  // Lays out its working memory; `scratch` may only count.
  LstmSequence(const LstmCell& cell, int64_t steps, int64_t batch, ScratchCursor& scratch)
      : cell_(cell),
        steps_(steps),
        batch_(batch),
        chunk_(std::clamp<int64_t>(kChunkFloats / std::max<int64_t>(1, batch * row()), 1,
                                   std::max<int64_t>(1, steps))),
        gates_(scratch.take<float>(static_cast<size_t>(chunk_ * batch * row()))) {}

  // Writes h of every step to `out`. `state` is h before the first step, [batch, outputs];
  // `cell_state`, [batch, cells], is read and left as it is after the last step.
  void run(ThreadPool& pool, ByteVectors<const float> input, ByteVectors<const float> aux,
           const float* state, float* cell_state, ByteVectors<float> out) const {
    if (steps_ <= 0 || batch_ <= 0) return;
    VectorRows h{state, static_cast<ptrdiff_t>(cell_.outputs)};
    for (int64_t begin = 0; begin < steps_; begin += chunk_) {
      const int64_t end = std::min(begin + chunk_, steps_);
      add_inputs(pool, begin, end, input, aux);
      for (int64_t t = begin; t < end; ++t) {
        step(pool, gates_ + (t - begin) * batch_ * row(), h, cell_state,
             {out.at(t, 0), out.batch_stride});
        h = {out.at(t, 0), out.batch_stride};
      }
    }
  }

 private:
  static constexpr int64_t kChunkFloats = 256 * 1024;

  // Gates are kept as [steps of a chunk, batch, gate, cells].
  int64_t row() const { return kLstmGates * cell_.cells; }
  ptrdiff_t stride() const { return static_cast<ptrdiff_t>(row()); }

  // The part of all gates that does not depend on the step before.
  void add_inputs(ThreadPool& pool, int64_t begin, int64_t end, ByteVectors<const float> input,
                  ByteVectors<const float> aux) const {
    for (int64_t k = 0; k < (end - begin) * batch_; ++k) {
      for (int g = cell_.first_gate(); g < kLstmGates; ++g) {
        float* gate = gates_ + k * row() + g * cell_.cells;
        if (cell_.layer_norm[g]) {
          std::fill_n(gate, cell_.cells, 0.0f);
        } else {
          std::copy_n(cell_.bias[g], cell_.cells, gate);
        }
      }
    }
    for (int64_t b = 0; b < batch_; ++b) {
      for (int g = cell_.first_gate(); g < kLstmGates; ++g) {
        const MutableVectorRows sums{gates_ + b * row() + g * cell_.cells,
                                     static_cast<ptrdiff_t>(batch_) * stride()};
        accumulate_products(pool, cell_.weights[g], cell_.cells, cell_.input_size,
                            {input.at(begin, b), input.step_stride}, sums, end - begin);
        if (cell_.aux_weights[g])
          accumulate_products(pool, cell_.aux_weights[g], cell_.cells, cell_.aux_size,
                              {aux.at(begin, b), aux.step_stride}, sums, end - begin);
      }
    }
  }

  void step(ThreadPool& pool, float* gates, VectorRows h, float* cell_state,
            MutableVectorRows out) const {
    for (int g = cell_.first_gate(); g < kLstmGates; ++g)
      accumulate_products(pool, cell_.recurrent_weights[g], cell_.cells, cell_.outputs, h,
                          {gates + g * cell_.cells, stride()}, batch_);
    const int64_t grain = std::max<int64_t>(1, 2048 / std::max<int64_t>(1, cell_.cells));
    parallel_for(pool, batch_, grain, [&](int64_t first, int64_t last) {
      for (int64_t b = first; b < last; ++b) {
        float* gate[kLstmGates];
        for (int g = 0; g < kLstmGates; ++g) gate[g] = gates + b * row() + g * cell_.cells;
        update(gate, cell_state + b * cell_.cells);
        float* result = out.data + b * out.stride;
        if (!cell_.projection) {
          std::copy_n(gate[kOutputGate], cell_.outputs, result);
        } else if (cell_.projection_bias) {
          std::copy_n(cell_.projection_bias, cell_.outputs, result);
        } else {
          std::fill_n(result, cell_.outputs, 0.0f);
        }
      }
    });
    if (!cell_.projection) return;
    accumulate_products(pool, cell_.projection, cell_.outputs, cell_.cells,
                        {gates + kOutputGate * cell_.cells, stride()}, out, batch_);
    for (int64_t b = 0; b < batch_; ++b)
      clip(cell_.projection_clip, out.data + b * out.stride, cell_.outputs);
  }

  // From the sums of the gates to the cell state and, in place of the output gate, o * act(c).
  void update(float* const* gate, float* c) const {
    const int64_t n = cell_.cells;
    const auto finish = [&](LstmGate g, CellActivation activation) {
      if (cell_.peephole[g])
        for (int64_t i = 0; i < n; ++i) gate[g][i] += cell_.peephole[g][i] * c[i];
      if (cell_.layer_norm[g]) normalise_layer(cell_.layer_norm[g], cell_.bias[g], gate[g], n);
      activate(activation, gate[g], n);
    };
    finish(kForgetGate, CellActivation::kSigmoid);
    if (cell_.coupled) {
      for (int64_t i = 0; i < n; ++i) gate[kInputGate][i] = 1.0f - gate[kForgetGate][i];
    } else {
      finish(kInputGate, CellActivation::kSigmoid);
    }
    finish(kCellGate, cell_.activation);
    for (int64_t i = 0; i < n; ++i)
      c[i] = gate[kForgetGate][i] * c[i] + gate[kInputGate][i] * gate[kCellGate][i];
    clip(cell_.cell_clip, c, n);

    finish(kOutputGate, CellActivation::kSigmoid);  // its peephole sees the new cell state
    std::copy_n(c, n, gate[kCellGate]);
    activate(cell_.activation, gate[kCellGate], n);
    for (int64_t i = 0; i < n; ++i) gate[kOutputGate][i] *= gate[kCellGate][i];
  }

  const LstmCell& cell_;
  int64_t steps_, batch_;
  int64_t chunk_;  // steps whose inputs are added at a time
  float* gates_;
};

}  // namespace nnapi::host::reference
