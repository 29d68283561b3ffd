// The operations of a model as Nodes over one set of tensors, one tensor for each operand.
#pragma once

#include <memory>
#include <vector>

#include "host/model/model.h"
#include "host/operation/node.h"

namespace nnapi::host {

// The nodes of a model's operations, by operation number. `tensors` has one element for each
// operand and stays where it is.
class NodeTable {
 public:
  NodeTable(const Model& model, Tensor* tensors, bool relaxed);
  NodeTable(const NodeTable&) = delete;
  NodeTable& operator=(const NodeTable&) = delete;

  Node& operator[](uint32_t operation) { return nodes_[operation]; }
  // Why the last operation failed.
  const char* message() const { return message_; }
  void clear_message() { message_[0] = '\0'; }

  // omitted[i]: is operand i not given at all?
  void set_omitted(const std::vector<bool>& omitted);

 private:
  const Model& model_;
  std::vector<Node> nodes_;
  std::vector<const Tensor*> inputs_;
  std::vector<Tensor*> outputs_;
  std::unique_ptr<bool[]> omitted_;
  char message_[kMessageBytes] = "";
};

// The tensors of a model's operands: types, constants, and shapes as far as they are declared (an
// unknown dimension is 0).
std::vector<Tensor> declared_tensors(const Model& model);

// Which operands have no value in the model itself.
std::vector<bool> omitted_operands(const Model& model);

}  // namespace nnapi::host
