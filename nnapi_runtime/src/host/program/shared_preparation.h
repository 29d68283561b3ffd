// What alike operations of a model prepare is prepared once. A recurrent network that is written
// out step by step has hundreds of each kind: what surrounds their arithmetic would not fit the
// cache if each had its own.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "host/model/model.h"

namespace nnapi::host {

class SharedPreparation {
 public:
  explicit SharedPreparation(const Model& model) : model_(model) {}

  // What the operation prepares, or one before it did that is the same as far as it can see: of
  // the same kind, with the same constants, and else with tensors of the same types and shapes.
  // Their shapes are known. May be null.
  std::shared_ptr<const Prepared> prepare(const OperationNode& operation, const Node& node);

 private:
  using Likeness = std::vector<uint64_t>;
  Likeness likeness_of(const OperationNode& operation) const;
  void add_tensor(uint32_t operand, Likeness& likeness) const;

  const Model& model_;
  std::map<Likeness, std::shared_ptr<const Prepared>> prepared_;
};

}  // namespace nnapi::host
