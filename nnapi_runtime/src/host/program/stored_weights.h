// FULLY_CONNECTED over weights that DEQUANTIZE makes of constant integers: for few rows it reads
// the integers as they are stored, and no floats are made of them.
#pragma once

#include <vector>

#include "host/kernels/matmul/stored_rows.h"
#include "host/program/program.h"
#include "host/tensor/tensor.h"

namespace nnapi::host {

class StoredWeights {
 public:
  StoredWeights(const StoredRows& matrix, ClampRange<float> range)
      : matrix_(matrix), range_(range) {}

  void run(const Node& node) const;

 private:
  StoredRows matrix_;
  ClampRange<float> range_;
};

// A FULLY_CONNECTED step, and the DEQUANTIZE step that need not run for it.
struct StoredPair {
  size_t dequantize, multiply;
  std::unique_ptr<const StoredWeights> weights;
};

std::vector<StoredPair> find_stored_weights(const Model& model, const std::vector<Step>& steps);

}  // namespace nnapi::host
