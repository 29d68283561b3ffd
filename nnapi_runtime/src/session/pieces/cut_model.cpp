#include "session/pieces/cut_model.h"

#include <algorithm>
#include <map>

#include "loader/built_model.h"
#include "loader/devices.h"
#include "loader/error.h"
#include "session/tensor/value.h"

namespace nnapi::session {

using loader::Error;
using loader::Executor;
using loader::Model;
using loader::ModelPart;

namespace {

// Some device of those that are wanted (none: of all) takes all operations of a finished model;
// true where the library cannot say.
bool is_supported(const loader::Library& library, const loader::BuiltModel& model, size_t count,
                  std::span<const std::string> wanted) {
  if (library.ANeuralNetworksModel_getSupportedOperationsForDevices == nullptr) return true;
  std::vector<const ANeuralNetworksDevice*> devices;
  if (wanted.empty()) {
    for (const loader::Device& device : loader::list_devices(library)) {
      devices.push_back(device.handle);
    }
  } else {
    devices = loader::choose_devices(library, wanted);
  }
  for (const ANeuralNetworksDevice* device : devices) {
    const auto supported = std::make_unique<bool[]>(count);
    const int code = library.ANeuralNetworksModel_getSupportedOperationsForDevices(
        model.main(), &device, 1, supported.get());
    if (code != ANEURALNETWORKS_NO_ERROR) return true;
    if (std::all_of(supported.get(), supported.get() + count, [](bool one) { return one; })) {
      return true;
    }
  }
  return devices.empty();
}

}  // namespace

CutModel::CutModel(
    std::span<const Model> models, std::shared_ptr<const loader::Library> target,
    std::shared_ptr<const loader::Library> host,
    const std::function<loader::Options(const std::string&, LibraryRole)>& options_of) {
  const Model& whole = models.front();
  for (const loader::Operation& operation : whole.operations) codes_.push_back(operation.code);
  for (const uint32_t operand : whole.inputs) inputs_.push_back(border_of(whole, operand));
  for (const uint32_t operand : whole.outputs) outputs_.push_back(border_of(whole, operand));
  ask_each_alone(models, *target, options_of("", LibraryRole::kTarget).devices);
  cut(models);
  libraries_.resize(codes_.size());
  for (size_t number = 0; number < parts_.size(); ++number) {
    Part& part = parts_[number];
    const auto& operations = part.model->operations();
    const auto compile = [&](LibraryRole role) {
      try {
        part.executor = std::make_unique<Executor>(
            role == LibraryRole::kTarget ? target : host, part.model->models(),
            options_of(", part " + std::to_string(number), role));
      } catch (Error& error) {
        if (error.operation && *error.operation < operations.size()) {
          error.operation = operations[*error.operation];
        }
        throw;
      }
    };
    try {
      compile(reasons_[operations.front()].empty() ? LibraryRole::kTarget : LibraryRole::kHost);
    } catch (const Error& error) {
      if (!reasons_[operations.front()].empty() || !error.is_refusal()) throw;
      for (const uint32_t index : operations) reasons_[index] = error.text;
      compile(LibraryRole::kHost);
    }
    for (const uint32_t index : operations) libraries_[index] = &part.executor->library().path();
  }
}

void CutModel::ask_each_alone(std::span<const Model> models, const loader::Library& target,
                              std::span<const std::string> wanted) {
  for (uint32_t i = 0; i < codes_.size(); ++i) {
    const ModelPart alone(models, {i});
    std::string reason;
    try {
      const loader::BuiltModel built(target, alone.models(), false);
      if (!is_supported(target, built, 1, wanted)) {
        reason = target.path() + " says that none of its devices supports the operation";
        if (!wanted.empty()) reason += ", of those that were chosen";
      }
    } catch (const Error& error) {
      if (!error.is_refusal()) throw;
      reason = error.text;
    }
    reasons_.push_back(std::move(reason));
  }
}

// An operation comes one part after those whose results it reads on the other library, so that no
// part waits for itself. Parts of even number are the target's.
void CutModel::cut(std::span<const Model> models) {
  const Model& whole = models.front();
  std::map<uint32_t, size_t> places;
  std::map<uint32_t, uint32_t> makers;
  for (uint32_t i = 0; i < whole.operations.size(); ++i) {
    for (const uint32_t operand : whole.operations[i].outputs) makers[operand] = i;
  }
  std::vector<size_t> level(whole.operations.size());
  std::map<size_t, std::vector<uint32_t>> levels;
  for (const uint32_t i : loader::run_order(whole)) {
    const bool refused = !reasons_[i].empty();
    level[i] = refused ? 1 : 0;
    for (const uint32_t operand : whole.operations[i].inputs) {
      const auto maker = makers.find(operand);
      if (maker == makers.end()) continue;
      const bool other = reasons_[maker->second].empty() == refused;
      level[i] = std::max(level[i], level[maker->second] + (other ? 1 : 0));
    }
    levels[level[i]].push_back(i);
  }
  const auto place_of = [&](uint32_t operand) {
    return places.try_emplace(operand, places.size()).first->second;
  };
  for (const uint32_t operand : whole.inputs) input_places_.push_back(place_of(operand));
  for (auto& [number, operations] : levels) {
    Part part;
    part.model = std::make_unique<ModelPart>(models, std::move(operations));
    for (const uint32_t operand : part.model->inputs()) part.inputs.push_back(place_of(operand));
    for (const uint32_t operand : part.model->outputs()) part.outputs.push_back(place_of(operand));
    parts_.push_back(std::move(part));
  }
  for (const uint32_t operand : whole.outputs) output_places_.push_back(place_of(operand));
  places_ = places.size();
}

std::vector<std::vector<uint32_t>> CutModel::run(std::span<const loader::ConstArray> inputs,
                                                 const Executor::Allocate& allocate) const {
  std::vector<loader::ConstArray> values(places_);
  std::vector<std::shared_ptr<std::byte>> memory(places_);
  if (inputs.size() != input_places_.size()) {
    throw loader::ArgumentError("the model has " + std::to_string(input_places_.size()) +
                                " inputs, not " + std::to_string(inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) values[input_places_[i]] = inputs[i];
  for (const Part& part : parts_) {
    std::vector<loader::ConstArray> given;
    for (const size_t place : part.inputs) given.push_back(values[place]);
    const auto dims = part.executor->run(given, [&](size_t i, size_t bytes) -> void* {
      const size_t place = part.outputs[i];
      const auto output = std::find(output_places_.begin(), output_places_.end(), place);
      if (output != output_places_.end()) {
        void* there = allocate(static_cast<size_t>(output - output_places_.begin()), bytes);
        values[place].data = there;
        return there;
      }
      memory[place] = new_memory(bytes, "a value between two libraries");
      values[place].data = memory[place].get();
      return memory[place].get();
    });
    for (size_t i = 0; i < part.outputs.size(); ++i) {
      values[part.outputs[i]].element = part.executor->outputs()[i].element;
      values[part.outputs[i]].dims = dims[i];
    }
  }
  std::vector<std::vector<uint32_t>> dims;
  for (const size_t place : output_places_) dims.push_back(values[place].dims);
  return dims;
}

}  // namespace nnapi::session
