#include "loader/extract_operations.h"

#include <algorithm>
#include <map>
#include <set>

#include "loader/error.h"

namespace nnapi::loader {
namespace {

std::set<uint32_t> constants_of(const Model& model) {
  std::set<uint32_t> constants;
  for (const Value& value : model.values) constants.insert(value.operand);
  for (const SubmodelValue& value : model.submodels) constants.insert(value.operand);
  return constants;
}

}  // namespace

ModelPart::ModelPart(std::span<const Model> models, std::vector<uint32_t> operations)
    : operations_(std::move(operations)) {
  const Model& whole = models.front();
  numbers_.assign(whole.operands.size(), -1);
  find_borders(whole);
  Model part;
  for (const uint32_t index : operations_) {
    const Operation& operation = whole.operations[index];
    const auto inputs = renumbered(operation.inputs);
    part.operations.push_back({operation.code, inputs, renumbered(operation.outputs)});
  }
  part.inputs = renumbered(inputs_);
  part.outputs = renumbered(outputs_);
  for (const uint32_t operand : operands_) part.operands.push_back(whole.operands[operand]);
  for (const Value& value : whole.values) {
    if (numbers_[value.operand] < 0) continue;
    part.values.push_back({number_of(value.operand), value.data, value.length});
  }
  for (const ChannelQuant& quant : whole.channel_quants) {
    if (numbers_[quant.operand] < 0) continue;
    part.channel_quants.push_back({number_of(quant.operand), quant.channel_dim, quant.scales});
  }
  for (const SubmodelValue& value : whole.submodels) {
    if (numbers_[value.operand] < 0) continue;
    part.submodels.push_back({number_of(value.operand), value.model});
  }
  models_.push_back(std::move(part));
  add_submodels(models);
}

// The number of an operand in the part, which has it from then on.
uint32_t ModelPart::number_of(uint32_t operand) {
  if (numbers_[operand] < 0) {
    numbers_[operand] = static_cast<int64_t>(operands_.size());
    operands_.push_back(operand);
  }
  return static_cast<uint32_t>(numbers_[operand]);
}

std::span<const uint32_t> ModelPart::renumbered(std::span<const uint32_t> operands) {
  std::vector<uint32_t> list;
  for (const uint32_t operand : operands) list.push_back(number_of(operand));
  return lists_.emplace_back(std::move(list));
}

void ModelPart::find_borders(const Model& whole) {
  const std::set<uint32_t> constants = constants_of(whole);
  const std::set<uint32_t> inside(operations_.begin(), operations_.end());
  std::set<uint32_t> made, read, read_outside(whole.outputs.begin(), whole.outputs.end());
  for (uint32_t index = 0; index < whole.operations.size(); ++index) {
    const Operation& operation = whole.operations[index];
    const bool is_inside = inside.contains(index);
    if (is_inside) made.insert(operation.outputs.begin(), operation.outputs.end());
    (is_inside ? read : read_outside).insert(operation.inputs.begin(), operation.inputs.end());
  }
  for (const uint32_t operand : read) {
    if (!made.contains(operand) && !constants.contains(operand)) inputs_.push_back(operand);
  }
  for (const uint32_t operand : made) {
    if (read_outside.contains(operand)) outputs_.push_back(operand);
  }
  // A result that nobody reads is one all the same: a model has some.
  if (outputs_.empty()) outputs_.assign(made.begin(), made.end());
}

void ModelPart::add_submodels(std::span<const Model> models) {
  std::map<uint32_t, uint32_t> places;
  for (size_t i = 0; i < models_.size(); ++i) {
    for (size_t k = 0; k < models_[i].submodels.size(); ++k) {
      const uint32_t number = models_[i].submodels[k].model;
      const auto [place, is_new] =
          places.try_emplace(number, static_cast<uint32_t>(models_.size()));
      // Each refers to later ones only: what two refer to is made for each of them anew.
      if (!is_new && place->second <= i) place->second = static_cast<uint32_t>(models_.size());
      if (place->second == models_.size()) models_.push_back(models[number]);
      models_[i].submodels[k].model = place->second;
    }
  }
}

std::vector<uint32_t> run_order(const Model& model) {
  std::map<uint32_t, uint32_t> makers;
  for (uint32_t i = 0; i < model.operations.size(); ++i) {
    for (const uint32_t operand : model.operations[i].outputs) makers[operand] = i;
  }
  std::vector<std::vector<uint32_t>> readers(model.operations.size());
  std::vector<size_t> missing(model.operations.size());
  for (uint32_t i = 0; i < model.operations.size(); ++i) {
    for (const uint32_t operand : model.operations[i].inputs) {
      if (const auto maker = makers.find(operand); maker != makers.end()) {
        readers[maker->second].push_back(i);
        ++missing[i];
      }
    }
  }
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < missing.size(); ++i) {
    if (missing[i] == 0) order.push_back(i);
  }
  for (size_t next = 0; next < order.size(); ++next) {
    for (const uint32_t reader : readers[order[next]]) {
      if (--missing[reader] == 0) order.push_back(reader);
    }
  }
  if (order.size() != model.operations.size()) {
    throw ModelError("the operations of the model wait for each other");
  }
  return order;
}

}  // namespace nnapi::loader
