// Convolutions that are computed together, as chains of rows.
#pragma once

#include <memory>
#include <vector>

#include "host/kernels/row_fusion/row_chain.h"
#include "host/program/program.h"

namespace nnapi::host {

// As many steps as there are stages; what lies between them is read nowhere else.
struct RowFusion {
  size_t first;
  std::unique_ptr<const RowChain> rows;
};

// Steps that follow one another and are worth it: what lies between them is too large for the
// cache, their weights are not.
std::vector<RowFusion> find_row_fusions(const Model& model, const std::vector<Step>& steps);

}  // namespace nnapi::host
