#include "host/model/model.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/model/validation.h"
#include "host/tensor/tensor.h"

namespace nnapi::host {
namespace {

std::shared_ptr<void> copy_of(const void* data, size_t length) {
  std::shared_ptr<void> copy(::operator new(length, std::align_val_t(64)),
                             [](void* p) { ::operator delete(p, std::align_val_t(64)); });
  std::memcpy(copy.get(), data, length);
  return copy;
}

bool is_aligned(const void* data, int32_t type) {
  const size_t size = element_size(type);  // 0: the vendor knows
  return size != 0 && reinterpret_cast<uintptr_t>(data) % size == 0;
}

}  // namespace

Status Model::check_building(const char* function) const {
  if (state_ == State::kBuilding) return kOk;
  return fail(ANEURALNETWORKS_BAD_STATE, "%s: the model %s", function,
              finished() ? "is finished already" : "was refused and can only be freed");
}

Status Model::check_index(const char* function, uint32_t index) const {
  if (index < operands_.size()) return kOk;
  return fail(ANEURALNETWORKS_BAD_DATA, "%s: operand %u does not exist, the model has %zu",
              function, index, operands_.size());
}

Status Model::add_operand(const ANeuralNetworksOperandType& type) {
  if (Status status = check_building("addOperand")) return status;
  Operand operand;
  if (Status status = read_operand_type(type, "addOperand", &operand)) return status;
  operands_.push_back(std::move(operand));
  return kOk;
}

Status Model::set_value(uint32_t index, const void* buffer, size_t length) {
  if (Status status = check_building("setOperandValue")) return status;
  if (Status status = check_index("setOperandValue", index)) return status;
  if ((buffer == nullptr) != (length == 0))
    return fail(ANEURALNETWORKS_BAD_DATA,
                "setOperandValue: operand %u: buffer is %snull but length is %zu", index,
                buffer ? "not " : "", length);
  Operand& operand = operands_[index];
  if (buffer == nullptr) {
    operand.lifetime = Lifetime::kOmitted;
    operand.value = nullptr;
    return kOk;
  }
  if (Status status = check_constant_size(operand, index, "setOperandValue", length)) return status;
  // First what there may be no memory for.
  std::shared_ptr<void> copy;
  if (length <= ANEURALNETWORKS_MAX_SIZE_OF_IMMEDIATELY_COPIED_VALUES ||
      !is_aligned(buffer, operand.type))
    copy = copy_of(buffer, length);
  operand.lifetime = Lifetime::kConstant;
  operand.memory.reset();
  operand.copy = std::move(copy);
  operand.value = operand.copy ? operand.copy.get() : buffer;
  return kOk;
}

Status Model::set_value_from_memory(uint32_t index, std::shared_ptr<const Memory> memory,
                                    size_t offset, size_t length) {
  constexpr const char* kFunction = "setOperandValueFromMemory";
  if (Status status = check_building(kFunction)) return status;
  if (Status status = check_index(kFunction, index)) return status;
  Operand& operand = operands_[index];
  if (Status status = check_constant_size(operand, index, kFunction, length)) return status;
  if (Status status = memory->check_constant_range(offset, length)) return status;
  const void* value = static_cast<const uint8_t*>(memory->data()) + offset;
  std::shared_ptr<void> copy;
  if (!is_aligned(value, operand.type)) copy = copy_of(value, length);
  operand.lifetime = Lifetime::kConstant;
  operand.copy = std::move(copy);
  operand.value = operand.copy ? operand.copy.get() : value;
  operand.memory = std::move(memory);
  return kOk;
}

Status Model::set_value_from_model(uint32_t index, std::shared_ptr<const Model> model) {
  constexpr const char* kFunction = "setOperandValueFromModel";
  if (Status status = check_building(kFunction)) return status;
  if (!model->finished())
    return fail(ANEURALNETWORKS_BAD_STATE, "%s: the referenced model is not finished", kFunction);
  if (Status status = check_index(kFunction, index)) return status;
  Operand& operand = operands_[index];
  if (operand.type != ANEURALNETWORKS_MODEL)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: operand %u is of type %s, must be MODEL", kFunction,
                index, type_name(operand.type).c_str());
  if (model->depth() + 1 > kMaxDepth)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: models are nested deeper than %u", kFunction,
                kMaxDepth);
  operand.lifetime = Lifetime::kModel;
  depth_ = std::max(depth_, model->depth() + 1);
  operand.model = std::move(model);
  return kOk;
}

Status Model::set_channel_scales(uint32_t index,
                                 const ANeuralNetworksSymmPerChannelQuantParams& params) {
  constexpr const char* kFunction = "setOperandSymmPerChannelQuantParams";
  if (Status status = check_building(kFunction)) return status;
  if (Status status = check_index(kFunction, index)) return status;
  Operand& operand = operands_[index];
  if (Status status = check_channel_scales(operand, index, params)) return status;
  decltype(operand.channel_scales) scales(params.scales, params.scales + params.scaleCount);
  operand.channel_dim = params.channelDim;
  operand.channel_scales = std::move(scales);
  return kOk;
}

Status Model::set_extension_data(uint32_t index, std::span<const uint8_t> data) {
  constexpr const char* kFunction = "setOperandExtensionData";
  if (Status status = check_building(kFunction)) return status;
  if (Status status = check_index(kFunction, index)) return status;
  Operand& operand = operands_[index];
  if (!is_extension_type(operand.type))
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: operand %u is of type %s, not of an extension's",
                kFunction, index, type_name(operand.type).c_str());
  operand.extension_data = {data.begin(), data.end()};
  return kOk;
}

Status Model::add_operation(int32_t code, std::span<const uint32_t> inputs,
                            std::span<const uint32_t> outputs) {
  if (Status status = check_building("addOperation")) return status;
  const OpsetEntry* entry = find_operation(code);
  if (entry == nullptr)
    return fail(ANEURALNETWORKS_BAD_DATA, "addOperation: there is no operation of code %d", code);
  OperationNode node{entry, {inputs.begin(), inputs.end()}, {outputs.begin(), outputs.end()}, {}};
  const auto number = static_cast<uint32_t>(operations_.size());
  if (Status status = check_operation(operands_, &node, number)) return status;
  if (Status status = check_relations(operands_, node, number)) return status;
  if (strict_)
    if (Status status = check_ranks(operands_, node, number)) return status;
  operations_.push_back(std::move(node));
  return kOk;
}

Status Model::identify_inputs_and_outputs(std::span<const uint32_t> inputs,
                                          std::span<const uint32_t> outputs) {
  constexpr const char* kFunction = "identifyInputsAndOutputs";
  if (Status status = check_building(kFunction)) return status;
  // What an earlier call has identified is free again if this one is accepted.
  std::vector<uint32_t> named;
  for (std::span<const uint32_t> indices : {inputs, outputs}) {
    for (uint32_t index : indices) {
      if (Status status = check_index(kFunction, index)) return status;
      if (operands_[index].lifetime != Lifetime::kTemporary)
        return fail(ANEURALNETWORKS_BAD_DATA,
                    "%s: operand %u has a value, or is an input or output already", kFunction,
                    index);
      named.push_back(index);
    }
  }
  std::ranges::sort(named);
  if (const auto twice = std::ranges::adjacent_find(named); twice != named.end())
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: operand %u is named twice", kFunction, *twice);
  std::vector<uint32_t> new_inputs(inputs.begin(), inputs.end());
  std::vector<uint32_t> new_outputs(outputs.begin(), outputs.end());
  for (const auto* before : {&inputs_, &outputs_})
    for (uint32_t index : *before)
      if (operands_[index].lifetime == Lifetime::kInput ||
          operands_[index].lifetime == Lifetime::kOutput)
        operands_[index].lifetime = Lifetime::kTemporary;
  for (uint32_t index : new_inputs) operands_[index].lifetime = Lifetime::kInput;
  for (uint32_t index : new_outputs) operands_[index].lifetime = Lifetime::kOutput;
  inputs_ = std::move(new_inputs);
  outputs_ = std::move(new_outputs);
  return kOk;
}

Status Model::relax(bool allow) {
  if (Status status = check_building("relaxComputationFloat32toFloat16")) return status;
  relaxed_ = allow;
  return kOk;
}

Status Model::set_strict(bool strict) {
  if (Status status = check_building("model_set_strict")) return status;
  if (!operations_.empty())
    return fail(ANEURALNETWORKS_BAD_STATE, "model_set_strict: operations were added before");
  strict_ = strict;
  return kOk;
}

Status Model::finish() {
  if (Status status = check_building("Model_finish")) return status;
  state_ = State::kInvalid;
  if (Status status = validate(*this, &run_order_)) return status;
  if (Status status = infer_shapes(*this, &shapes_)) return status;
  state_ = State::kFinished;
  return kOk;
}

}  // namespace nnapi::host
