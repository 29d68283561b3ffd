#include "host/model.h"

#include <cstring>
#include <new>

#include "host/error.h"
#include "host/tensor.h"
#include "host/validation.h"

namespace nnapi::host {
namespace {

std::shared_ptr<void> copy_of(const void* data, size_t length) {
  std::shared_ptr<void> copy(::operator new(length, std::align_val_t(64)),
                             [](void* p) { ::operator delete(p, std::align_val_t(64)); });
  std::memcpy(copy.get(), data, length);
  return copy;
}

bool is_aligned(const void* data, int32_t type) {
  return reinterpret_cast<uintptr_t>(data) % element_size(type) == 0;
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
  operand.lifetime = Lifetime::kConstant;
  operand.memory.reset();
  operand.copy.reset();
  if (length <= ANEURALNETWORKS_MAX_SIZE_OF_IMMEDIATELY_COPIED_VALUES ||
      !is_aligned(buffer, operand.type)) {
    operand.copy = copy_of(buffer, length);
    buffer = operand.copy.get();
  }
  operand.value = buffer;
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
  operand.lifetime = Lifetime::kConstant;
  operand.value = static_cast<const uint8_t*>(memory->data()) + offset;
  operand.copy.reset();
  if (!is_aligned(operand.value, operand.type)) {
    operand.copy = copy_of(operand.value, length);
    operand.value = operand.copy.get();
  }
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
  operand.channel_dim = params.channelDim;
  operand.channel_scales.assign(params.scales, params.scales + params.scaleCount);
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
  operations_.push_back(std::move(node));
  return kOk;
}

Status Model::identify_inputs_and_outputs(std::span<const uint32_t> inputs,
                                          std::span<const uint32_t> outputs) {
  constexpr const char* kFunction = "identifyInputsAndOutputs";
  if (Status status = check_building(kFunction)) return status;
  auto claim = [&](std::span<const uint32_t> list, Lifetime lifetime) -> Status {
    for (uint32_t index : list) {
      if (Status status = check_index(kFunction, index)) return status;
      if (operands_[index].lifetime != Lifetime::kTemporary)
        return fail(ANEURALNETWORKS_BAD_DATA,
                    "%s: operand %u has a value, or is an input or output already", kFunction,
                    index);
      operands_[index].lifetime = lifetime;
    }
    return kOk;
  };
  if (Status status = claim(inputs, Lifetime::kInput)) return status;
  if (Status status = claim(outputs, Lifetime::kOutput)) return status;
  inputs_.assign(inputs.begin(), inputs.end());
  outputs_.assign(outputs.begin(), outputs.end());
  return kOk;
}

Status Model::relax(bool allow) {
  if (Status status = check_building("relaxComputationFloat32toFloat16")) return status;
  relaxed_ = allow;
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
