// Models of one operation, finished or not.
#pragma once

#include <vector>

#include "fuzz/bytes.h"
#include "nnapi/neural_networks.h"

namespace nnapi::fuzz {

constexpr uint32_t kLine = 4, kSquare = 16;

class ModelParts {
 public:
  explicit ModelParts(ANeuralNetworksModel* model) : model_(model) {}

  uint32_t operand(int32_t code, std::vector<uint32_t> dims, const void* value = nullptr,
                   size_t bytes = 0) {
    const ANeuralNetworksOperandType type{code, uint32_t(dims.size()),
                                          dims.empty() ? nullptr : dims.data(), 0, 0};
    ANeuralNetworksModel_addOperand(model_, &type);
    if (value != nullptr)
      ANeuralNetworksModel_setOperandValue(model_, int32_t(operands_), value, bytes);
    return operands_++;
  }

 private:
  ANeuralNetworksModel* model_;
  uint32_t operands_ = 0;
};

// a + b, of unknown size at times; or a · weights + bias. Null: there is no memory.
inline ANeuralNetworksModel* small_model(Bytes& bytes) {
  // Large constants are the client's, for as long as there are models.
  static const std::vector<float> weights(kSquare * kSquare, 0.25f);
  ANeuralNetworksModel* model = nullptr;
  if (ANeuralNetworksModel_create(&model) != ANEURALNETWORKS_NO_ERROR) return nullptr;
  if (bytes.one_in(8)) return model;
  ModelParts parts(model);
  const int32_t none = 0, f32 = ANEURALNETWORKS_TENSOR_FLOAT32;
  const bool layer = bytes.one_in(2);
  std::vector<uint32_t> line = {bytes.one_in(3) ? 0 : kLine};
  if (layer) line = {1, kSquare};
  std::vector<uint32_t> operands = {parts.operand(f32, line)}, inputs = operands;
  if (layer) {
    operands.push_back(
        parts.operand(f32, {kSquare, kSquare}, weights.data(), weights.size() * sizeof(float)));
    operands.push_back(parts.operand(f32, {kSquare}, weights.data(), kSquare * sizeof(float)));
  } else {
    inputs.push_back(parts.operand(f32, line));
    operands.push_back(inputs.back());
  }
  operands.push_back(parts.operand(ANEURALNETWORKS_INT32, {}, &none, sizeof none));
  const uint32_t out = parts.operand(f32, line);
  ANeuralNetworksModel_addOperation(model,
                                    layer ? ANEURALNETWORKS_FULLY_CONNECTED : ANEURALNETWORKS_ADD,
                                    uint32_t(operands.size()), operands.data(), 1, &out);
  if (bytes.one_in(8)) return model;
  ANeuralNetworksModel_identifyInputsAndOutputs(model, uint32_t(inputs.size()), inputs.data(), 1,
                                                &out);
  if (!bytes.one_in(4)) ANeuralNetworksModel_finish(model);
  return model;
}

}  // namespace nnapi::fuzz
