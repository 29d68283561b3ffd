// The runtime's side of Node: one for every operation of a model, over one set of tensors.
#pragma once

#include <memory>
#include <vector>

#include "host/operation.h"

namespace nnapi::host {

class Model;

// What Node::later() returns.
constexpr Status kLater = -1;

class NodeBuilder {
 public:
  static void set_scratch(Node& node, void* scratch) { node.scratch_ = scratch; }
  static void set_relaxed(Node& node, bool relaxed) { node.relaxed_ = relaxed; }
  static void bind(Node& node, uint32_t num_inputs, const Tensor* const* inputs,
                   const bool* omitted, uint32_t num_outputs, Tensor* const* outputs,
                   char* message);
};

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
