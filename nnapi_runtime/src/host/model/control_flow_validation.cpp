#include "host/base/error.h"
#include "host/model/validation.h"
#include "host/operation/control_flow_operands.h"

namespace nnapi::host {
namespace {

// May a value of one operand be handed over to the other?
bool compatible(const Operand& a, const Operand& b) {
  Dimensions both;
  return a.type == b.type && combine(a.dimensions, b.dimensions, &both) && a.scale == b.scale &&
         a.zero_point == b.zero_point && a.channel_dim == b.channel_dim &&
         a.channel_scales == b.channel_scales;
}

bool is_condition(const Operand& operand) {
  return operand.type == ANEURALNETWORKS_TENSOR_BOOL8 && operand.dimensions == Dimensions{1};
}

struct Checker {
  const std::vector<Operand>& operands;
  const OperationNode& node;
  uint32_t number;

  const Operand& input(uint32_t i) const { return operands[node.inputs[i]]; }
  uint32_t first_value() const {
    if (node.entry->code == ANEURALNETWORKS_IF) return kIfFirstValue;
    return kWhileFirstValue;
  }

  // Inputs of the referenced model against the values that the operation gives.
  Status check_inputs(const char* role, const Model& model) const {
    const size_t given = node.inputs.size() - first_value();
    if (model.inputs().size() != given)
      return refuse(node, number, "gives %zu values but the %s model takes %zu", given, role,
                    model.inputs().size());
    for (uint32_t i = 0; i < given; ++i) {
      const Operand& inner = model.operands()[model.inputs()[i]];
      const Operand& outer = input(first_value() + i);
      if (!compatible(inner, outer))
        return refuse(node, number, "value %u (operand %u) is %s but the %s model takes %s", i,
                      node.inputs[first_value() + i], outer.describe().c_str(), role,
                      inner.describe().c_str());
    }
    return kOk;
  }

  Status check_output(const char* role, const Model& model, uint32_t i, const Operand& wanted,
                      const char* what) const {
    const Operand& inner = model.operands()[model.outputs()[i]];
    if (compatible(inner, wanted)) return kOk;
    return refuse(node, number, "output %u of the %s model is %s but the %s is %s", i, role,
                  inner.describe().c_str(), what, wanted.describe().c_str());
  }

  Status check_branch(const char* role, uint32_t position) const {
    const Model& model = *input(position).model;
    if (Status status = check_inputs(role, model)) return status;
    if (model.outputs().size() != node.outputs.size())
      return refuse(node, number, "has %zu outputs but the %s model gives %zu", node.outputs.size(),
                    role, model.outputs().size());
    for (uint32_t i = 0; i < node.outputs.size(); ++i)
      if (Status status =
              check_output(role, model, i, operands[node.outputs[i]], "operation's output"))
        return status;
    return kOk;
  }

  Status check_loop() const {
    const Model& condition = *input(kWhileCondition).model;
    if (Status status = check_inputs("condition", condition)) return status;
    if (condition.outputs().size() != 1 ||
        !is_condition(condition.operands()[condition.outputs()[0]]))
      return refuse(node, number, "the condition model must give one TENSOR_BOOL8 [1]");

    const Model& body = *input(kWhileBody).model;
    if (Status status = check_inputs("body", body)) return status;
    const size_t given = body.outputs().size();
    if (given < node.outputs.size() || given > body.inputs().size())
      return refuse(node, number,
                    "has %zu outputs but the body model gives %zu values and takes %zu",
                    node.outputs.size(), given, body.inputs().size());
    for (uint32_t i = 0; i < given; ++i) {
      if (i < node.outputs.size())
        if (Status status =
                check_output("body", body, i, operands[node.outputs[i]], "operation's output"))
          return status;
      if (Status status = check_output("body", body, i, body.operands()[body.inputs()[i]],
                                       "body model's input of the same number"))
        return status;
    }
    return kOk;
  }
};

}  // namespace

Status check_control_flow(const std::vector<Operand>& operands, const OperationNode& node,
                          uint32_t number) {
  const Checker checker{operands, node, number};
  for (uint32_t i : node.inputs)
    if (operands[i].type == ANEURALNETWORKS_MODEL && operands[i].model == nullptr)
      return refuse(node, number, "operand %u is a MODEL but no model was set", i);
  if (node.entry->code == ANEURALNETWORKS_WHILE) return checker.check_loop();
  if (!is_condition(checker.input(kIfCondition)))
    return refuse(node, number, "the condition (operand %u) is %s, must be TENSOR_BOOL8 [1]",
                  node.inputs[kIfCondition], checker.input(kIfCondition).describe().c_str());
  if (Status status = checker.check_branch("then", kIfThen)) return status;
  return checker.check_branch("else", kIfElse);
}

}  // namespace nnapi::host
