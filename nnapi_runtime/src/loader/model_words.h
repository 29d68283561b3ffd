// Model words read: what a model says, as views into the words and the weights, checked against
// what is there. docs/file_format.md describes the format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace nnapi::loader {

struct Operand {
  int32_t type = 0;
  float scale = 0.0f;
  int32_t zero_point = 0;
  std::span<const uint32_t> dims;  // 0 is unknown
};

// A constant: bytes in the words or in a numbered buffer; without bytes, an omitted operand.
struct Value {
  uint32_t operand = 0;
  const void* data = nullptr;
  size_t length = 0;
};

struct SubmodelValue {
  uint32_t operand = 0;
  uint32_t model = 0;
};

struct ChannelQuant {
  uint32_t operand = 0;
  uint32_t channel_dim = 0;
  std::span<const float> scales;
};

struct Operation {
  int32_t code = 0;
  std::span<const uint32_t> inputs;
  std::span<const uint32_t> outputs;
};

struct Model {
  std::vector<Operand> operands;
  std::vector<Value> values;
  std::vector<SubmodelValue> submodels;  // each refers to a later model of the list
  std::vector<ChannelQuant> channel_quants;
  std::vector<Operation> operations;
  std::span<const uint32_t> inputs;
  std::span<const uint32_t> outputs;
};

// The models in `words` (4-byte aligned, of either version): the main one, then its submodels.
// Words and buffers are not copied and must outlive the result. Throws ModelError. Every count,
// offset and operand index in the result is within bounds; what the model means is left to the
// library.
std::vector<Model> read_words(std::span<const std::byte> words,
                              std::span<const std::span<const std::byte>> buffers);

}  // namespace nnapi::loader
