// A model as the client builds it, and the facts about it that are known once it is finished.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/base/operand_types.h"
#include "host/memory/memory.h"
#include "host/model/shape_inference.h"
#include "host/operation/operation.h"
#include "host/operation/opset.h"

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
  std::vector<uint8_t> extension_data;

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
  int32_t level = 0;  // the first feature level with these types, whatever is omitted
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
  // What a vendor's operations are told of an operand of the vendor's type.
  Status set_extension_data(uint32_t index, std::span<const uint8_t> data);
  Status add_operation(int32_t code, std::span<const uint32_t> inputs,
                       std::span<const uint32_t> outputs);
  Status identify_inputs_and_outputs(std::span<const uint32_t> inputs,
                                     std::span<const uint32_t> outputs);
  Status relax(bool allow);
  // Strict models are refused for whatever is known to fail when they run, and for what the opset
  // does not allow but Android's runtime does not look at. Others as Android refuses them.
  Status set_strict(bool strict);
  // Checks everything. A model that is refused can only be freed.
  Status finish();

  // ---- looking
  bool finished() const { return state_ == State::kFinished; }
  const std::vector<Operand>& operands() const { return operands_; }
  const std::vector<OperationNode>& operations() const { return operations_; }
  const std::vector<uint32_t>& inputs() const { return inputs_; }
  const std::vector<uint32_t>& outputs() const { return outputs_; }
  bool relaxed() const { return relaxed_; }
  bool strict() const { return strict_; }
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
  bool relaxed_ = false, strict_ = false;
  std::vector<uint32_t> run_order_;
  InferredShapes shapes_;
  uint32_t depth_ = 0;
};

}  // namespace nnapi::host
