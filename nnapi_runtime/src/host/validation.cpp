#include "host/validation.h"

#include <functional>
#include <queue>

#include "host/error.h"
#include "host/node.h"

namespace nnapi::host {
namespace {

Status refuse_operand(const Model& model, uint32_t index, const char* why) {
  return fail(ANEURALNETWORKS_BAD_DATA, "operand %u (%s): %s", index,
              model.operands()[index].describe().c_str(), why);
}

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
    Failure failure;
    if (Status status = check_omissions(node, number, omitted, &failure))
      return fail(status, std::move(failure));
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

// Operations may be given in any order; they run in the given one as far as their inputs allow.
Status find_order(const Model& model, std::vector<uint32_t>* order) {
  const auto& operands = model.operands();
  const auto& operations = model.operations();
  constexpr uint32_t kNobody = UINT32_MAX;
  std::vector<uint32_t> writer(operands.size(), kNobody);
  for (uint32_t number = 0; number < operations.size(); ++number)
    for (uint32_t index : operations[number].outputs) {
      if (writer[index] != kNobody)
        return refuse(operations[number], number,
                      "output operand %u is written by operation %u too", index, writer[index]);
      writer[index] = number;
    }

  std::vector<uint32_t> missing(operations.size(), 0);  // inputs not written yet
  std::vector<std::vector<uint32_t>> readers(operations.size());
  for (uint32_t number = 0; number < operations.size(); ++number)
    for (uint32_t index : operations[number].inputs) {
      const Lifetime lifetime = operands[index].lifetime;
      if (lifetime != Lifetime::kTemporary && lifetime != Lifetime::kOutput) continue;
      if (writer[index] == kNobody)
        return refuse(operations[number], number, "input operand %u is never written", index);
      readers[writer[index]].push_back(number);
      ++missing[number];
    }
  for (uint32_t i = 0; i < operands.size(); ++i)
    if (writer[i] == kNobody &&
        (operands[i].lifetime == Lifetime::kTemporary || operands[i].lifetime == Lifetime::kOutput))
      return refuse_operand(model, i, "is never written");

  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> ready;
  for (uint32_t number = 0; number < operations.size(); ++number)
    if (missing[number] == 0) ready.push(number);
  order->clear();
  while (!ready.empty()) {
    const uint32_t number = ready.top();
    ready.pop();
    order->push_back(number);
    for (uint32_t reader : readers[number])
      if (--missing[reader] == 0) ready.push(reader);
  }
  for (uint32_t number = 0; number < operations.size(); ++number)
    if (missing[number] != 0)
      return refuse(operations[number], number, "is part of a cycle, or waits for one");
  return kOk;
}

}  // namespace

Status validate(const Model& model, std::vector<uint32_t>* run_order) {
  if (model.operations().empty())
    return fail(ANEURALNETWORKS_BAD_DATA, "Model_finish: the model has no operations");
  if (Status status = check_operands(model)) return status;
  if (Status status = check_operations(model)) return status;
  return find_order(model, run_order);
}

}  // namespace nnapi::host
