// A part of a model as a model of its own: some of its operations, on the same constants.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "loader/model_words.h"

namespace nnapi::loader {

class ModelPart {
 public:
  // Of the main model of `models` the `operations`, by index, in the order in which they are given.
  // `models` and what they point to must outlive it. An input is what the part reads and does not
  // make, an output what it makes and others read.
  ModelPart(std::span<const Model> models, std::vector<uint32_t> operations);

  // The part, and the submodels that it uses.
  std::span<const Model> models() const { return models_; }
  const std::vector<uint32_t>& operations() const { return operations_; }
  // Operands of the whole model, in the order of the part's inputs and outputs.
  const std::vector<uint32_t>& inputs() const { return inputs_; }
  const std::vector<uint32_t>& outputs() const { return outputs_; }

 private:
  std::span<const uint32_t> renumbered(std::span<const uint32_t> operands);
  uint32_t number_of(uint32_t operand);
  void find_borders(const Model& whole);
  void add_submodels(std::span<const Model> models);

  std::vector<uint32_t> operations_, inputs_, outputs_;
  std::vector<Model> models_;
  std::vector<int64_t> numbers_;              // of the whole model's operands here; -1: none
  std::vector<uint32_t> operands_;            // and the other way round
  std::vector<std::vector<uint32_t>> lists_;  // what spans of the models refer to
};

// The operations of a model in the order in which they can run, by index.
std::vector<uint32_t> run_order(const Model& model);

}  // namespace nnapi::loader
