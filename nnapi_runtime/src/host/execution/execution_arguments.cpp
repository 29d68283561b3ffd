// The arguments of an execution: what the client may give, and when.
#include <algorithm>

#include "host/base/error.h"
#include "host/execution/execution.h"
#include "host/model/validation.h"

namespace nnapi::host {
namespace {

const char* function_of(Role role) {
  return role == Role::kInput ? "Execution_setInput" : "Execution_setOutput";
}

// Stock PyTorch gives each input its own tensor's scale and zero point. NNAPI calls for the
// model's; where they differ, the values are brought into the model's steps rather than misread.
bool counts_otherwise(const ANeuralNetworksOperandType& given, const Operand& operand) {
  const bool quantised = operand.type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM ||
                         operand.type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED;
  return quantised && given.type == operand.type && given.scale > 0.0f &&
         (given.scale != operand.scale || given.zeroPoint != operand.zero_point);
}

// Do the dimensions that a client gives say all that the model's do?
bool specifies(const Dimensions& given, const Dimensions& declared) {
  if (declared.empty()) return true;
  if (given.size() != declared.size()) return false;
  for (size_t i = 0; i < declared.size(); ++i)
    if (declared[i] != 0 && given[i] != declared[i]) return false;
  return true;
}

}  // namespace

const Operand& Execution::operand_of(Role role, uint32_t index) const {
  const Model& model = compilation_->model();
  return model.operands()[(role == Role::kInput ? model.inputs() : model.outputs())[index]];
}

Status Execution::check_slot(Role role, uint32_t index) {
  if (Status status = check_preparing(function_of(role))) return status;
  const size_t count = (role == Role::kInput ? inputs_ : outputs_).size();
  if (index >= count)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: index %u, there are %zu", function_of(role), index,
                count);
  if (argument(role, index).given)
    return fail(ANEURALNETWORKS_BAD_STATE, "%s: index %u was set before", function_of(role), index);
  return kOk;
}

Status Execution::check_type(Role role, uint32_t index, const ANeuralNetworksOperandType* type,
                             bool may_be_unknown, Dimensions* dimensions) const {
  const Operand& operand = operand_of(role, index);
  *dimensions = operand.dimensions;
  if (type != nullptr) {
    Operand given;
    if (Status status = read_operand_type(*type, function_of(role), &given)) return status;
    const bool fits = is_tensor_type(operand.type) ? specifies(given.dimensions, operand.dimensions)
                                                   : given.dimensions.empty();
    if (!fits)
      return fail(ANEURALNETWORKS_BAD_DATA, "%s: %u has the dimensions %s, the model says %s",
                  function_of(role), index, to_string(given.dimensions).c_str(),
                  to_string(operand.dimensions).c_str());
    *dimensions = std::move(given.dimensions);
  }
  if (!may_be_unknown && !is_fully_known(operand.type, *dimensions))
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: %u: the dimensions %s are not fully specified",
                function_of(role), index, to_string(*dimensions).c_str());
  return kOk;
}

Status Execution::check_length(Role role, uint32_t index, const Dimensions& dimensions,
                               size_t length) const {
  const Operand& operand = operand_of(role, index);
  uint32_t bytes;
  if (!byte_size(operand.type, dimensions, &bytes))
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: %u: %s is larger than 4 GiB", function_of(role),
                index, to_string(dimensions).c_str());
  if (bytes == 0 || length == bytes || (padding_ && length > bytes)) return kOk;
  return fail(ANEURALNETWORKS_BAD_DATA, "%s: %u: the length is %zu, %s %s takes %u%s",
              function_of(role), index, length, type_name(operand.type).c_str(),
              to_string(dimensions).c_str(), bytes,
              length > bytes ? "; padding is not enabled" : "");
}

Status Execution::set_pointer(Role role, uint32_t index, const ANeuralNetworksOperandType* type,
                              void* data, size_t length) {
  if (Status status = check_slot(role, index)) return status;
  Argument set;
  const bool may_be_unknown = role == Role::kOutput || data == nullptr;
  if (Status status = check_type(role, index, type, may_be_unknown, &set.dimensions)) return status;
  if ((data == nullptr) != (length == 0))
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: %u: the buffer is %snull but its length is %zu",
                function_of(role), index, data ? "not " : "", length);
  if (data != nullptr)
    if (Status status = check_length(role, index, set.dimensions, length)) return status;
  if (role == Role::kInput && type != nullptr && counts_otherwise(*type, operand_of(role, index))) {
    set.scale = type->scale;
    set.zero_point = type->zeroPoint;
  }
  set.given = true;
  set.omitted = data == nullptr;
  set.data = data;
  set.length = length;
  argument(role, index) = std::move(set);
  any_argument_ = true;
  return kOk;
}

Status Execution::set_memory(Role role, uint32_t index, const ANeuralNetworksOperandType* type,
                             std::shared_ptr<Memory> memory, size_t offset, size_t length) {
  if (Status status = check_slot(role, index)) return status;
  Argument set;
  if (Status status = check_type(role, index, type, role == Role::kOutput, &set.dimensions))
    return status;
  const Dimensions* dimensions = type != nullptr ? &set.dimensions : nullptr;
  if (Status status =
          memory->check_argument({compilation_.get(), role, index}, dimensions, offset, length))
    return status;
  if (!memory->has_roles()) {
    if (Status status = check_length(role, index, set.dimensions, length)) return status;
    set.data = static_cast<uint8_t*>(memory->data()) + offset;
    set.length = length;
  }
  set.given = true;
  set.memory = std::move(memory);
  argument(role, index) = std::move(set);
  any_argument_ = true;
  return kOk;
}

bool Execution::arguments_stay() const {
  const auto stays = [](const Argument& argument) {
    return argument.scale == 0.0f && !(argument.memory && argument.memory->has_roles());
  };
  return std::ranges::all_of(inputs_, stays) && std::ranges::all_of(outputs_, stays);
}

bool Execution::outputs_fully_specified() const {
  for (uint32_t i = 0; i < outputs_.size(); ++i)
    if (!outputs_[i].omitted &&
        !is_fully_known(operand_of(Role::kOutput, i).type, outputs_[i].dimensions))
      return false;
  return true;
}

}  // namespace nnapi::host
