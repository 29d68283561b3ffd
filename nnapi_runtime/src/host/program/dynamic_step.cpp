// Steps of an ExecutionFrame whose shapes were not known when the program was built.
#include <algorithm>

#include "host/program/execution_frame.h"
#include "host/threads/time_limit.h"

namespace nnapi::host {
namespace {

// Hides the values that are computed at run time, as they are at compilation. What infer and
// prepare then find out depends on shapes alone, and holds as long as the shapes do.
class HiddenValues {
 public:
  HiddenValues(const OperationNode& operation, std::vector<Tensor>& tensors) : tensors_(tensors) {
    for (uint32_t operand : operation.inputs) {
      Tensor& tensor = tensors[operand];
      if (tensor.constant || tensor.data == nullptr) continue;
      hidden_.emplace_back(operand, tensor.data);
      tensor.data = nullptr;
    }
  }
  ~HiddenValues() {
    for (auto [operand, data] : hidden_) tensors_[operand].data = data;
  }
  HiddenValues(const HiddenValues&) = delete;
  HiddenValues& operator=(const HiddenValues&) = delete;

 private:
  std::vector<Tensor>& tensors_;
  std::vector<std::pair<uint32_t, void*>> hidden_;
};

}  // namespace

bool ExecutionFrame::remembers(const Step& step, const Remembered& memory) const {
  if (!memory.valid) return false;
  const auto& inputs = step.operation->inputs;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!omitted_[inputs[i]] && !(tensors_[inputs[i]].shape == memory.inputs[i])) return false;
  return true;
}

Status ExecutionFrame::infer_and_prepare(const Step& step, const Prepared** prepared,
                                         std::string* message) {
  const OperationNode& operation = *step.operation;
  const Model& model = program_.model();
  Remembered& memory = remembered_[step.number];
  if (remembers(step, memory)) {
    for (size_t i = 0; i < operation.outputs.size(); ++i)
      tensors_[operation.outputs[i]].shape = memory.outputs[i];
    *prepared = memory.prepared.get();
    return kOk;
  }
  memory.valid = false;
  Node& node = nodes_[step.number];
  auto prepare = [&]() -> std::unique_ptr<Prepared> {
    return step.implementation->prepare ? step.implementation->prepare(node) : nullptr;
  };
  nodes_.clear_message();

  // A scalar that is computed at run time is needed by every infer.
  const bool needs_values =
      std::any_of(operation.inputs.begin(), operation.inputs.end(), [&](uint32_t operand) {
        const Tensor& tensor = tensors_[operand];
        return !omitted_[operand] && !tensor.constant && !is_tensor_type(tensor.type);
      });
  if (!needs_values) {
    HiddenValues hidden(operation, tensors_);
    const Status status = infer_operation(model, operation, node, message);
    if (status == kOk) {
      memory.prepared = prepare();
      if (nodes_.message()[0] != '\0') return ANEURALNETWORKS_BAD_DATA;
      memory.inputs.clear();
      memory.outputs.clear();
      for (uint32_t operand : operation.inputs) memory.inputs.push_back(tensors_[operand].shape);
      for (uint32_t operand : operation.outputs) memory.outputs.push_back(tensors_[operand].shape);
      memory.valid = true;
      *prepared = memory.prepared.get();
      return kOk;
    }
    if (status != kLater) return status;
  }
  const Status status = infer_operation(model, operation, node, message);
  if (status == kLater) {
    *message = "its output shape cannot be determined";
    return ANEURALNETWORKS_OP_FAILED;
  }
  if (status != kOk) return status;
  prepared_once_ = prepare();
  if (nodes_.message()[0] != '\0') return ANEURALNETWORKS_BAD_DATA;
  *prepared = prepared_once_.get();
  return kOk;
}

Status ExecutionFrame::run_dynamic(const Step& step, const RunContext& context,
                                   std::string* message) {
  const Prepared* prepared = nullptr;
  if (Status status = infer_and_prepare(step, &prepared, message)) return status;

  Node& node = nodes_[step.number];
  void* planned_scratch = node.scratch();
  if (prepared != nullptr && prepared->scratch_bytes > 0)
    NodeBuilder::set_scratch(node, grown(scratch_, prepared->scratch_bytes));
  const bool bounded = step.implementation->bounded_outputs;
  for (uint32_t i = 0; i < step.operation->outputs.size(); ++i) {
    const uint32_t operand = step.operation->outputs[i];
    std::string why;
    // The bound itself must be something that can be allocated.
    Operand type;
    type.type = program_.model().operands()[operand].type;
    if (bounded && !agrees(type, node.out(i).shape, &why)) {
      *message = "the upper bound of output " + std::to_string(i) + ": " + why;
      return ANEURALNETWORKS_BAD_DATA;
    }
    place(operand, bounded);
  }
  // Not what comes before: weights that are packed are kept.
  const TimeLimit limit(context.deadline);
  const Status status = step.implementation->run(node, prepared);
  NodeBuilder::set_scratch(node, planned_scratch);
  if (status != kOk) return status;
  if (limit.has_cut()) return missed_within(message);
  make_wrong(step, context);
  for (uint32_t i = 0; i < step.operation->outputs.size(); ++i) {
    const uint32_t operand = step.operation->outputs[i];
    std::string why;
    if (bounded && !agrees(program_.model().operands()[operand], node.out(i).shape, &why)) {
      *message =
          "output " + std::to_string(i) + " (operand " + std::to_string(operand) + "): " + why;
      return ANEURALNETWORKS_BAD_DATA;
    }
    settle(operand);
  }
  return kOk;
}

}  // namespace nnapi::host
