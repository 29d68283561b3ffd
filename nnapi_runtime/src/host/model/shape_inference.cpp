#include "host/model/shape_inference.h"

#include <algorithm>

#include "host/base/error.h"
#include "host/base/size_limit.h"
#include "host/model/model.h"
#include "host/model/node_table.h"
#include "host/model/validation.h"

namespace nnapi::host {

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (uint32_t i = 0; i < shape.rank(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

bool agrees(const Operand& operand, const Shape& shape, std::string* message) {
  const bool tensor = is_tensor_type(operand.type);
  if (tensor != (shape.rank() > 0)) {
    *message = tensor ? "a tensor of rank 0" : "a scalar with dimensions " + to_string(shape);
    return false;
  }
  const Dimensions& declared = operand.dimensions;
  bool same = declared.empty() || declared.size() == shape.rank();
  for (uint32_t i = 0; same && i < declared.size(); ++i)
    same = declared[i] == 0 || declared[i] == shape[i];
  if (!same) {
    *message =
        "the shape is " + to_string(shape) + " but the model declares " + to_string(declared);
    return false;
  }
  uint64_t bytes = element_size(operand.type);
  for (uint32_t d : shape) {
    if (d == 0) return true;  // empty, whatever the others are
  }
  for (uint32_t d : shape)
    if ((bytes *= d) > operand_size_limit()) {
      *message = "the shape " + to_string(shape) + " takes more than " +
                 std::to_string(operand_size_limit()) + " bytes";
      return false;
    }
  return true;
}

Status infer_operation(const Model& model, const OperationNode& operation, Node& node,
                       std::string* message) {
  for (uint32_t i = 0; i < operation.inputs.size(); ++i) {
    if (!node.has(i))
      *message = omission_fault(operation, i);
    else if (is_tensor_type(node.in(i).type))
      *message = rank_fault(operation, i, node.in(i).shape.rank());
    if (!message->empty()) return ANEURALNETWORKS_BAD_DATA;
  }
  if (Status status = operation.entry->operation->infer(node)) return status;
  for (uint32_t i = 0; i < operation.outputs.size(); ++i) {
    const Operand& operand = model.operands()[operation.outputs[i]];
    // An upper bound is no contradiction; the true shape is checked when it is there.
    if (operation.entry->operation->bounded_outputs) continue;
    std::string why;
    if (!agrees(operand, node.out(i).shape, &why)) {
      *message = format("output %u (operand %u): %s", i, operation.outputs[i], why.c_str());
      return ANEURALNETWORKS_BAD_DATA;
    }
  }
  return kOk;
}

namespace {

// A scalar is read by every infer, so one that is computed at run time makes all wait for it.
bool can_infer(const Model& model, const OperationNode& operation, const InferredShapes& shapes) {
  return std::all_of(operation.inputs.begin(), operation.inputs.end(), [&](uint32_t index) {
    const Operand& operand = model.operands()[index];
    if (operand.lifetime == Lifetime::kOmitted) return true;
    if (is_tensor_type(operand.type)) return static_cast<bool>(shapes.known[index]);
    return operand.lifetime == Lifetime::kConstant;
  });
}

}  // namespace

Status infer_shapes(const Model& model, InferredShapes* shapes) {
  const auto& operands = model.operands();
  shapes->tensors = declared_tensors(model);
  shapes->known.assign(operands.size(), false);
  shapes->fixed.assign(model.operations().size(), false);
  NodeTable nodes(model, shapes->tensors.data(), model.relaxed());
  for (uint32_t i = 0; i < operands.size(); ++i)
    shapes->known[i] = is_fully_known(operands[i].type, operands[i].dimensions);

  for (uint32_t number : model.run_order()) {
    const OperationNode& operation = model.operations()[number];
    const Operation* implementation = operation.entry->operation;
    // Declared dimensions of an output count as known: they are checked when the operation has run.
    if (implementation == nullptr || !can_infer(model, operation, *shapes)) continue;
    std::string message;
    nodes.clear_message();
    Node& node = nodes[number];
    const Status status = infer_operation(model, operation, node, &message);
    if (status != kOk && status != kLater && model.strict())
      return refuse(operation, number, "%s", message.empty() ? nodes.message() : message.c_str());
    shapes->fixed[number] = status == kOk && !implementation->bounded_outputs;
    for (uint32_t index : operation.outputs) {
      if (shapes->fixed[number])
        shapes->known[index] = true;
      else  // infer may have written half of a shape, or a bound
        shapes->tensors[index].shape =
            Shape(operands[index].dimensions.data(), operands[index].dimensions.size());
    }
  }
  return kOk;
}

}  // namespace nnapi::host
