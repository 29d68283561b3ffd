// A model as the client builds it, and the facts about it that are known once it is finished.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/memory.h"
#include "host/operand_types.h"
#include "host/operation.h"
#include "host/opset.h"
#include "host/shape_inference.h"

namespace nnapi::host {

class Model;

enum class Lifetime { kTemporary, kInput, kOutput, kConstant, kOmitted, kModel };

struct Operand {
  int32_t type = 0;
  Dimensions dimensions;
  float scale = 0.0f;
  int32_t zero_point = 0;
  uint32_t channel_dim = 0;
  std::vector<float> channel_scales;  // empty: not set

  Lifetime lifetime = Lifetime::kTemporary;
  // A constant's value. It is the client's memory, or owned by `copy` or `memory`.
  const void* value = nullptr;
  std::shared_ptr<void> copy;
  std::shared_ptr<const Memory> memory;
  std::shared_ptr<const Model> model;  // Lifetime::kModel

  // "TENSOR_FLOAT32 [1, ?, 3]"
  std::string describe() const { return type_name(type) + " " + to_string(dimensions); }
};

struct OperationNode {
  const OpsetEntry* entry;
  std::vector<uint32_t> inputs, outputs;
  // For each input, what the opset says about it; and for which the operation's ranks are meant.
  std::vector<const OperandRule*> rules;
  const OperandRule* ranked = nullptr;
};

class Model {
 public:
  static constexpr uint32_t kMagic = 0x6d6f6431;
  // Deepest nesting of models in models.
  static constexpr uint32_t kMaxDepth = 64;

  // ---- building; BAD_STATE once finished
  Status add_operand(const ANeuralNetworksOperandType& type);
  Status set_value(uint32_t index, const void* buffer, size_t length);
  Status set_value_from_memory(uint32_t index, std::shared_ptr<const Memory> memory, size_t offset,
                               size_t length);
  Status set_value_from_model(uint32_t index, std::shared_ptr<const Model> model);
  Status set_channel_scales(uint32_t index, const ANeuralNetworksSymmPerChannelQuantParams& params);
  Status add_operation(int32_t code, std::span<const uint32_t> inputs,
                       std::span<const uint32_t> outputs);
  Status identify_inputs_and_outputs(std::span<const uint32_t> inputs,
                                     std::span<const uint32_t> outputs);
  Status relax(bool allow);
  // Checks everything. A model that is refused can only be freed.
  Status finish();

  // ---- looking
  bool finished() const { return state_ == State::kFinished; }
  const std::vector<Operand>& operands() const { return operands_; }
  const std::vector<OperationNode>& operations() const { return operations_; }
  const std::vector<uint32_t>& inputs() const { return inputs_; }
  const std::vector<uint32_t>& outputs() const { return outputs_; }
  bool relaxed() const { return relaxed_; }
  // Once finished: the operations in an order in which they can run, what is known about each
  // operand's shape, and how deep models are nested in this one.
  const std::vector<uint32_t>& run_order() const { return run_order_; }
  const InferredShapes& shapes() const { return shapes_; }
  uint32_t depth() const { return depth_; }

 private:
  enum class State { kBuilding, kFinished, kInvalid };
  Status check_building(const char* function) const;
  Status check_index(const char* function, uint32_t index) const;

  State state_ = State::kBuilding;
  std::vector<Operand> operands_;
  std::vector<OperationNode> operations_;
  std::vector<uint32_t> inputs_, outputs_;
  bool relaxed_ = false;
  std::vector<uint32_t> run_order_;
  InferredShapes shapes_;
  uint32_t depth_ = 0;
};

}  // namespace nnapi::host
