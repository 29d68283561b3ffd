// A random model, which bytes choose: operations, type combinations, shapes, values and deviations
// from all of them. The opset tables make most models nearly valid, since one of random operands
// would be refused at its first operation.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <vector>

#include "fuzz/bytes.h"
#include "host/operation/opset.h"
#include "host/tensor/tensor.h"
#include "nnapi/neural_networks.h"

namespace nnapi::fuzz {

using nnapi::host::Form;
using nnapi::host::OperandRule;
using nnapi::host::OpsetEntry;
using nnapi::host::TypeCombination;

struct RandomOperand {
  int32_t type;
  std::vector<uint32_t> dims;
  enum { kInput, kConstant, kOmitted, kResult } kind;
  bool read = false;
};

inline constexpr int kMaxOperations = 5, kMaxDepth = 2;

inline bool contains(const char* name, const char* part) {
  return std::strstr(name, part) != nullptr;
}

// The rank that an operand of this name mostly has, without which an operation of twenty operands
// would never get past its shape checks. 0: anything.
inline uint32_t usual_rank(const OpsetEntry& entry, const OperandRule& rule) {
  const char* name = rule.name;
  if (contains(name, "bias") || contains(name, "layer_norm") || contains(name, "cell_to_") ||
      contains(name, "batch_index") || contains(name, "block_size"))
    return 1;
  if (contains(name, "weights")) return contains(entry.name, "CONV") ? 4 : 2;
  if (contains(name, "state") || contains(name, "rois") || contains(name, "paddings") ||
      contains(name, "image_info") || contains(name, "anchors"))
    return 2;
  return entry.min_rank == entry.max_rank && rule.variable == 'T' ? entry.min_rank : 0;
}

class RandomModel {
 public:
  RandomModel(Bytes& bytes, int depth) : bytes_(bytes), depth_(depth) {
    ANeuralNetworksModel_create(&model_);
    usual_dim_ = bytes_.below(4);  // 0: all differ
    const int operations = 1 + bytes_.below(depth ? 2 : kMaxOperations);
    for (int i = 0; i < operations; ++i) add_operation();
    finish();
  }
  ~RandomModel() { ANeuralNetworksModel_free(model_); }
  RandomModel(const RandomModel&) = delete;

  // Of one execution, as the client sees it.
  struct Result {
    int status = -1;
    std::vector<std::vector<uint8_t>> outputs;
    bool operator==(const Result&) const = default;
  };

  bool finished() const { return finished_; }
  ANeuralNetworksModel* handle() const { return model_; }

  // With arguments that the next bytes choose.
  Result execute(ANeuralNetworksCompilation* compilation) {
    Result result;
    ANeuralNetworksExecution* execution = nullptr;
    if (ANeuralNetworksExecution_create(compilation, &execution) != 0) return result;
    ANeuralNetworksExecution_setLoopTimeout(execution, 1000000);
    result.outputs.reserve(outputs_.size());
    std::deque<std::vector<uint8_t>> buffers;  // of exact size, so that overruns are seen
    for (uint32_t i = 0; i < inputs_.size(); ++i) {
      const RandomOperand& operand = operands_[inputs_[i]];
      std::vector<uint32_t> dims = operand.dims;
      for (uint32_t& d : dims)
        if (d == 0) d = 1 + bytes_.below(4);
      const size_t bytes = byte_count(operand.type, dims);
      if (bytes == 0 || bytes_.one_in(16)) {
        ANeuralNetworksExecution_setInput(execution, i, nullptr, nullptr, 0);
        continue;
      }
      const ANeuralNetworksOperandType type{operand.type, uint32_t(dims.size()),
                                            dims.empty() ? nullptr : dims.data(), 0.5f, 0};
      std::vector<uint8_t>& buffer = buffers.emplace_back(bytes);
      fill(operand.type, buffer.data(), bytes);
      if (dims == operand.dims ||
          ANeuralNetworksExecution_setInput(execution, i, &type, buffer.data(), bytes) != 0)
        ANeuralNetworksExecution_setInput(execution, i, nullptr, buffer.data(), bytes);
    }
    for (uint32_t i = 0; i < outputs_.size(); ++i) {
      const RandomOperand& operand = operands_[outputs_[i]];
      size_t bytes = byte_count(operand.type, operand.dims);
      if (operand.dims.empty() || bytes == 0) bytes = bytes_.one_in(3) ? bytes_.below(64) : 4096;
      std::vector<uint8_t>& buffer = result.outputs.emplace_back(bytes);
      ANeuralNetworksExecution_setOutput(execution, i, nullptr, bytes ? buffer.data() : nullptr,
                                         bytes);
    }
    result.status = ANeuralNetworksExecution_compute(execution);
    for (uint32_t i = 0; i < outputs_.size(); ++i) {
      uint32_t rank = 0, dims[nnapi::host::kMaxRank];
      if (ANeuralNetworksExecution_getOutputOperandRank(execution, i, &rank) == 0)
        ANeuralNetworksExecution_getOutputOperandDimensions(execution, i, dims);
    }
    ANeuralNetworksExecution_free(execution);
    return result;
  }

 private:
  // ---- operands
  std::vector<uint32_t> random_dims(uint32_t rank = 0) {
    if (rank == 0 || bytes_.one_in(16)) rank = 1 + bytes_.below(5);
    if (bytes_.one_in(64)) rank = bytes_.below(18);
    std::vector<uint32_t> dims(rank);
    for (uint32_t& d : dims) {
      d = usual_dim_ != 0 ? usual_dim_ : 1 + bytes_.below(4);
      if (bytes_.one_in(16)) d = bytes_.below(20);
      if (bytes_.one_in(128)) d = 0x40000000u << bytes_.below(3);
    }
    return dims;
  }

  uint32_t add(RandomOperand operand) {
    const bool tensor = operand.type >= 3 && operand.type != ANEURALNETWORKS_BOOL &&
                        operand.type != ANEURALNETWORKS_FLOAT16 &&
                        operand.type != ANEURALNETWORKS_MODEL;
    if (!tensor) operand.dims.clear();
    ANeuralNetworksOperandType type{operand.type, uint32_t(operand.dims.size()),
                                    operand.dims.empty() ? nullptr : operand.dims.data(), 0, 0};
    switch (operand.type) {
      case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM:
      case ANEURALNETWORKS_TENSOR_QUANT16_ASYMM:
        type.zeroPoint = int32_t(bytes_.below(3) * 64);
        [[fallthrough]];
      case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED:
      case ANEURALNETWORKS_TENSOR_QUANT8_SYMM:
      case ANEURALNETWORKS_TENSOR_QUANT16_SYMM: {
        constexpr float kScales[] = {1.0f,       0.5f,        0.125f, 1.0f / 256,
                                     1.0f / 128, 1.0f / 2048, 1e-30f, 1e30f};
        type.scale = kScales[bytes_.below(std::size(kScales))];
        break;
      }
      case ANEURALNETWORKS_TENSOR_INT32:
        type.scale = bytes_.one_in(3) ? 0.25f : 0.0f;
        break;
      default:
        break;
    }
    if (ANeuralNetworksModel_addOperand(model_, &type) != ANEURALNETWORKS_NO_ERROR) {
      broken_ = true;
      return 0;
    }
    const auto index = static_cast<uint32_t>(operands_.size());
    if (operand.type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL && !operand.dims.empty()) {
      const uint32_t dim = bytes_.one_in(2) ? operand.dims.size() - 1 : 0;
      if (operand.dims[dim] < 64) {
        const std::vector<float> scales(operand.dims[dim], 0.5f);
        const ANeuralNetworksSymmPerChannelQuantParams params{dim, uint32_t(scales.size()),
                                                              scales.data()};
        ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(model_, index, &params);
      }
    }
    operands_.push_back(std::move(operand));
    return index;
  }

  // Bytes of such an operand; 0: unknown, or more than a client would give.
  static size_t byte_count(int32_t type, const std::vector<uint32_t>& dims) {
    size_t bytes = nnapi::host::element_size(type);
    for (uint32_t d : dims)
      if ((bytes *= d) > (1 << 16)) return 0;
    return bytes;
  }

  void fill(int32_t type, void* data, size_t bytes) {
    auto* values = static_cast<uint8_t*>(data);
    if (type == ANEURALNETWORKS_INT32 || type == ANEURALNETWORKS_TENSOR_INT32) {
      for (size_t i = 0; i + 4 <= bytes; i += 4) {
        int32_t value = int32_t(bytes_.below(6)) - (bytes_.one_in(8) ? 3 : 0);
        if (bytes_.one_in(64)) value = std::numeric_limits<int32_t>::min() >> bytes_.below(20);
        if (bytes_.one_in(64)) value = std::numeric_limits<int32_t>::max() >> bytes_.below(20);
        std::memcpy(values + i, &value, 4);
      }
    } else if (type == ANEURALNETWORKS_FLOAT32 || type == ANEURALNETWORKS_TENSOR_FLOAT32) {
      constexpr float kOdd[] = {0.0f,
                                -0.0f,
                                1e38f,
                                -1e38f,
                                1e-40f,
                                std::numeric_limits<float>::infinity(),
                                -std::numeric_limits<float>::infinity(),
                                std::numeric_limits<float>::quiet_NaN()};
      for (size_t i = 0; i + 4 <= bytes; i += 4) {
        float value = float(int(bytes_.next()) - 64) / 32;
        if (bytes_.one_in(32)) value = kOdd[bytes_.below(std::size(kOdd))];
        std::memcpy(values + i, &value, 4);
      }
    } else {
      for (size_t i = 0; i < bytes; ++i) values[i] = uint8_t(bytes_.next());
    }
  }

  void give_value(uint32_t index) {
    RandomOperand& operand = operands_[index];
    const size_t bytes = byte_count(operand.type, operand.dims);
    if (bytes == 0) {
      operand.kind = RandomOperand::kInput;
      return;
    }
    std::vector<uint8_t>& value = values_.emplace_back(bytes);
    fill(operand.type, value.data(), bytes);
    if (ANeuralNetworksModel_setOperandValue(model_, index, value.data(), bytes) != 0)
      operand.kind = RandomOperand::kInput;
  }

  uint32_t input_operand(const OpsetEntry& entry, const OperandRule& rule,
                         const TypeCombination& combination) {
    int32_t type = rule.type;
    for (const auto& assignment : combination.types)
      if (rule.variable != '\0' && assignment.variable == rule.variable) type = assignment.type;
    if (type < 0 || bytes_.one_in(64)) type = int32_t(bytes_.below(15));
    if (type == ANEURALNETWORKS_MODEL) return submodel();
    if (!bytes_.one_in(3))
      for (size_t i = operands_.size(); i-- > 0;)
        if (operands_[i].type == type && operands_[i].kind == RandomOperand::kResult) {
          operands_[i].read = true;
          return uint32_t(i);
        }
    RandomOperand operand{type, random_dims(usual_rank(entry, rule)), RandomOperand::kConstant};
    const bool scalar = byte_count(type, {}) > 0 && type < 3;
    if (rule.nullable && bytes_.one_in(2))
      operand.kind = RandomOperand::kOmitted;
    else if (bytes_.one_in(scalar ? 16 : 2))
      operand.kind = RandomOperand::kInput;
    const auto kind = operand.kind;
    const uint32_t index = add(std::move(operand));
    if (broken_) return 0;
    if (kind == RandomOperand::kConstant) give_value(index);
    if (kind == RandomOperand::kOmitted)
      ANeuralNetworksModel_setOperandValue(model_, index, nullptr, 0);
    return index;
  }

  uint32_t submodel() {
    const uint32_t index = add({ANEURALNETWORKS_MODEL, {}, RandomOperand::kConstant});
    if (depth_ >= kMaxDepth) {
      broken_ = true;
      return 0;
    }
    RandomModel& inner = submodels_.emplace_back(bytes_, depth_ + 1);
    ANeuralNetworksModel_setOperandValueFromModel(model_, index, inner.model_);
    return index;
  }

  void add_operation() {
    if (broken_) return;
    const auto opset = nnapi::host::opset();
    const OpsetEntry& entry = opset[bytes_.below(uint32_t(opset.size()))];
    const Form& form = entry.forms[bytes_.below(uint32_t(entry.forms.size()))];
    const TypeCombination& combination =
        entry.combinations[bytes_.below(uint32_t(entry.combinations.size()))];
    std::vector<uint32_t> inputs, outputs;
    for (const OperandRule& rule : form) {
      if (rule.may_end && bytes_.one_in(8)) break;
      const uint32_t times = rule.repeated ? 1 + bytes_.below(3) : 1;
      for (uint32_t i = 0; i < times && !broken_; ++i)
        inputs.push_back(input_operand(entry, rule, combination));
    }
    for (const OperandRule& rule : entry.outputs) {
      if (rule.may_end && bytes_.one_in(2)) break;
      int32_t type = rule.type;
      for (const auto& assignment : combination.types)
        if (rule.variable != '\0' && assignment.variable == rule.variable) type = assignment.type;
      if (type < 0) type = int32_t(bytes_.below(15));
      const uint32_t times = rule.repeated ? 1 + bytes_.below(3) : 1;
      for (uint32_t i = 0; i < times; ++i) {
        RandomOperand operand{type, {}, RandomOperand::kResult};
        if (bytes_.one_in(4)) operand.dims = random_dims();
        outputs.push_back(add(std::move(operand)));
      }
    }
    if (broken_) return;
    if (ANeuralNetworksModel_addOperation(model_, entry.code, uint32_t(inputs.size()),
                                          inputs.data(), uint32_t(outputs.size()),
                                          outputs.data()) == ANEURALNETWORKS_NO_ERROR)
      return;
    // It was as if the call had not been: the model goes on with what the client gives.
    for (uint32_t output : outputs) operands_[output].kind = RandomOperand::kInput;
  }

  void finish() {
    std::vector<uint32_t> inputs, outputs;
    for (uint32_t i = 0; i < operands_.size(); ++i) {
      if (operands_[i].kind == RandomOperand::kInput) inputs.push_back(i);
      if (operands_[i].kind == RandomOperand::kResult && (!operands_[i].read || bytes_.one_in(8)))
        outputs.push_back(i);
    }
    inputs_ = inputs;
    outputs_ = outputs;
    ANeuralNetworksModel_relaxComputationFloat32toFloat16(model_, bytes_.one_in(4));
    finished_ = !broken_ &&
                ANeuralNetworksModel_identifyInputsAndOutputs(
                    model_, uint32_t(inputs.size()), inputs.data(), uint32_t(outputs.size()),
                    outputs.data()) == ANEURALNETWORKS_NO_ERROR &&
                ANeuralNetworksModel_finish(model_) == ANEURALNETWORKS_NO_ERROR;
  }

  Bytes& bytes_;
  int depth_;
  uint32_t usual_dim_ = 0;
  ANeuralNetworksModel* model_ = nullptr;
  bool broken_ = false, finished_ = false;
  std::vector<RandomOperand> operands_;
  std::vector<uint32_t> inputs_, outputs_;
  std::deque<std::vector<uint8_t>> values_;
  std::deque<RandomModel> submodels_;
};

}  // namespace nnapi::fuzz
