// Which operands have a value, from where, and whether those that an operation needs do.
#include "host/model/validation.h"

#include "host/base/error.h"
#include "host/model/node_table.h"

namespace nnapi::host {
namespace {

Status check_operands(const Model& model) {
  const auto& operands = model.operands();
  for (uint32_t i = 0; i < operands.size(); ++i) {
    const Operand& operand = operands[i];
    if ((operand.type == ANEURALNETWORKS_MODEL) != (operand.lifetime == Lifetime::kModel))
      return refuse_operand(model, i, "no model was set as its value");
    if (operand.type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL &&
        operand.channel_scales.empty())
      return refuse_operand(model, i, "has no scales per channel");
  }
  // A value that was set after the lists of inputs and outputs were given takes an operand away.
  auto check_list = [&](const std::vector<uint32_t>& list, Lifetime lifetime) -> Status {
    for (uint32_t index : list)
      if (operands[index].lifetime != lifetime)
        return refuse_operand(model, index, "is a model input or output, but was given a value");
    return kOk;
  };
  if (Status status = check_list(model.inputs(), Lifetime::kInput)) return status;
  return check_list(model.outputs(), Lifetime::kOutput);
}

Status check_operations(const Model& model) {
  const auto& operands = model.operands();
  const std::vector<bool> omitted = omitted_operands(model);
  for (uint32_t number = 0; number < model.operations().size(); ++number) {
    const OperationNode& node = model.operations()[number];
    for (size_t i = 0; model.strict() && i < node.inputs.size(); ++i) {
      if (!omitted[node.inputs[i]]) continue;
      const std::string fault = omission_fault(node, i);
      if (!fault.empty()) return refuse(node, number, "%s", fault.c_str());
    }
    for (uint32_t index : node.outputs) {
      const Lifetime lifetime = operands[index].lifetime;
      if (lifetime != Lifetime::kTemporary && lifetime != Lifetime::kOutput)
        return refuse(node, number, "output operand %u is a constant or a model input", index);
    }
    const bool control =
        node.entry->code == ANEURALNETWORKS_IF || node.entry->code == ANEURALNETWORKS_WHILE;
    if (control)
      if (Status status = check_control_flow(operands, node, number)) return status;
  }
  return kOk;
}

}  // namespace

Status check_lifetimes(const Model& model) {
  if (Status status = check_operands(model)) return status;
  return check_operations(model);
}

}  // namespace nnapi::host
