#include "host/model/node_table.h"

namespace nnapi::host {

NodeTable::NodeTable(const Model& model, Tensor* tensors, bool relaxed) : model_(model) {
  size_t num_inputs = 0, num_outputs = 0;
  for (const OperationNode& operation : model.operations()) {
    num_inputs += operation.inputs.size();
    num_outputs += operation.outputs.size();
  }
  // Nodes point into these, which therefore get their final size at once.
  inputs_.reserve(num_inputs);
  outputs_.reserve(num_outputs);
  omitted_ = std::make_unique<bool[]>(num_inputs);
  nodes_.resize(model.operations().size());
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const OperationNode& operation = model.operations()[i];
    const Tensor* const* first_input = inputs_.data() + inputs_.size();
    const bool* first_omitted = omitted_.get() + inputs_.size();
    Tensor* const* first_output = outputs_.data() + outputs_.size();
    for (uint32_t operand : operation.inputs) inputs_.push_back(&tensors[operand]);
    for (uint32_t operand : operation.outputs) outputs_.push_back(&tensors[operand]);
    NodeBuilder::bind(nodes_[i], operation.inputs.size(), first_input, first_omitted,
                      operation.outputs.size(), first_output, message_);
    NodeBuilder::set_relaxed(nodes_[i], relaxed);
    if (const Operation* implementation = operation.entry->operation)
      NodeBuilder::set_extension(nodes_[i], implementation->extension);
  }
  set_omitted(omitted_operands(model));
}

void NodeTable::set_omitted(const std::vector<bool>& omitted) {
  bool* flag = omitted_.get();
  for (const OperationNode& operation : model_.operations())
    for (uint32_t operand : operation.inputs) *flag++ = omitted[operand];
}

std::vector<Tensor> declared_tensors(const Model& model) {
  std::vector<Tensor> tensors;
  tensors.reserve(model.operands().size());
  for (const Operand& operand : model.operands()) {
    Tensor& tensor = tensors.emplace_back();
    tensor.type = operand.type;
    tensor.shape = Shape(operand.dimensions.data(), operand.dimensions.size());
    tensor.scale = operand.scale;
    tensor.zero_point = operand.zero_point;
    if (!operand.channel_scales.empty())
      tensor.channel = {operand.channel_dim, static_cast<uint32_t>(operand.channel_scales.size()),
                        operand.channel_scales.data()};
    tensor.extension = {operand.extension_data.data(), operand.extension_data.size()};
    if (operand.lifetime == Lifetime::kConstant) {
      tensor.data = const_cast<void*>(operand.value);
      tensor.constant = true;
    }
  }
  return tensors;
}

std::vector<bool> omitted_operands(const Model& model) {
  std::vector<bool> omitted;
  omitted.reserve(model.operands().size());
  for (const Operand& operand : model.operands())
    omitted.push_back(operand.lifetime == Lifetime::kOmitted);
  return omitted;
}

}  // namespace nnapi::host
