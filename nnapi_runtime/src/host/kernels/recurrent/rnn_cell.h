// A basic recurrent cell: h' = activation(W x + U a + R h + bias), with an auxiliary input a or
// without.
#pragma once

#include <algorithm>
#include <cstdint>

#include "host/arithmetic/cell_activation.h"
#include "host/arithmetic/sequence.h"
#include "host/kernels/matmul/matrix_vector.h"

namespace nnapi::host::reference {

struct RnnCell {
  int64_t units = 0, input_size = 0, aux_size = 0;
  const float* weights = nullptr;            // [units, input_size]
  const float* recurrent_weights = nullptr;  // [units, units]
  const float* bias = nullptr;               // [units]
  const float* aux_weights = nullptr;        // [units, aux_size]; null: no auxiliary input
  CellActivation activation = CellActivation::kNone;
};

// Writes h of every step to `out`. `state` holds h of before the first step, [batch, units].
// Outputs must not overlap the inputs.
inline void run_rnn(ThreadPool& pool, const RnnCell& cell, int64_t steps, int64_t batch,
                    ByteVectors<const float> input, ByteVectors<const float> aux,
                    const float* state, ByteVectors<float> out) {
  if (steps <= 0 || batch <= 0) return;
  // What does not depend on the step before, for the whole sequence at once.
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t t = 0; t < steps; ++t) std::copy_n(cell.bias, cell.units, out.at(t, b));
    const MutableVectorRows sums{out.at(0, b), out.step_stride};
    accumulate_products(pool, cell.weights, cell.units, cell.input_size,
                        {input.at(0, b), input.step_stride}, sums, steps);
    if (cell.aux_weights)
      accumulate_products(pool, cell.aux_weights, cell.units, cell.aux_size,
                          {aux.at(0, b), aux.step_stride}, sums, steps);
  }
  VectorRows h{state, static_cast<ptrdiff_t>(cell.units)};
  for (int64_t t = 0; t < steps; ++t) {
    accumulate_products(pool, cell.recurrent_weights, cell.units, cell.units, h,
                        {out.at(t, 0), out.batch_stride}, batch);
    for (int64_t b = 0; b < batch; ++b) activate(cell.activation, out.at(t, b), cell.units);
    h = {out.at(t, 0), out.batch_stride};
  }
}

}  // namespace nnapi::host::reference
