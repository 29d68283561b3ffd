#include "host/node.h"

#include <cstdio>

#include "host/float16.h"
#include "host/model.h"
#include "host/thread_pool.h"

namespace nnapi::host {

float Node::real(uint32_t i, float fallback) const {
  if (!has(i) || inputs_[i]->data == nullptr) return fallback;
  const Tensor& tensor = in(i);
  const bool half =
      tensor.type == ANEURALNETWORKS_FLOAT16 || tensor.type == ANEURALNETWORKS_TENSOR_FLOAT16;
  return half ? to_float(*tensor.as<Float16>()) : *tensor.as<float>();
}

Status Node::fail(Status code, const char* text, ...) const {
  va_list arguments;
  va_start(arguments, text);
  std::vsnprintf(message_, kMessageBytes, text, arguments);
  va_end(arguments);
  return code;
}

Status Node::bad(const char* text, ...) const {
  va_list arguments;
  va_start(arguments, text);
  std::vsnprintf(message_, kMessageBytes, text, arguments);
  va_end(arguments);
  return ANEURALNETWORKS_BAD_DATA;
}

Status Node::later() const { return kLater; }

void NodeBuilder::bind(Node& node, uint32_t num_inputs, const Tensor* const* inputs,
                       const bool* omitted, uint32_t num_outputs, Tensor* const* outputs,
                       char* message) {
  node.num_inputs_ = num_inputs;
  node.inputs_ = inputs;
  node.omitted_ = omitted;
  node.num_outputs_ = num_outputs;
  node.outputs_ = outputs;
  node.message_ = message;
  node.pool_ = &ThreadPool::instance();
}

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
