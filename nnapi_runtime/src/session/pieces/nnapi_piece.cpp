#include "session/pieces/nnapi_piece.h"

#include <algorithm>
#include <set>

#include "loader/error.h"
#include "session/limits.h"
#include "session/sha256.h"

namespace nnapi::session {

using loader::Error;
using loader::ModelError;

namespace {

// What a library answers where the model and its arguments are right and the driver is not.
bool is_drivers_fault(const Error& error) {
  if (error.kind != loader::ErrorKind::kCall) return false;
  switch (error.code) {
    case ANEURALNETWORKS_OP_FAILED:
    case ANEURALNETWORKS_UNAVAILABLE_DEVICE:
    case ANEURALNETWORKS_RESOURCE_EXHAUSTED_TRANSIENT:
    case ANEURALNETWORKS_RESOURCE_EXHAUSTED_PERSISTENT:
    case ANEURALNETWORKS_DEAD_OBJECT:
      return true;
    default:
      return false;
  }
}

// Throws what stands for a driver's refusal, where it is not to be trusted with the model.
void check_verdict(const NnapiSetting& setting, const std::string& model) {
  const auto verdict = setting.verdicts.find(model);
  if (verdict == setting.verdicts.end() || !verdict->second.is_bad()) return;
  loader::LibraryError error(
      setting.libraries.get(LibraryRole::kTarget)->path() +
      " was tried with this model in a process of its own, and is not trusted with it: " +
      verdict->second.text);
  error.operation = verdict->second.operation;
  throw error;
}

}  // namespace

loader::Options NnapiSetting::loader_options(const std::string& name, LibraryRole role) const {
  loader::Options made;
  made.relaxed = relaxed;
  made.preference = options.preference;
  if (role == LibraryRole::kTarget) {
    made.devices = options.devices;
  } else if (libraries.are_one() && !options.devices.empty()) {
    made.devices = {kHostDevice};
  }
  made.num_threads = options.num_threads;
  made.loop_timeout = options.loop_timeout;
  made.priority = options.priority;
  made.memory_limit = {options.memory_limit, 0};
  if (options.memory_limit == 0) {
    made.memory_limit = {limits::kFreeMemory + limits::kMemoryTimes * weight_bytes,
                         limits::kMemoryTimes};
  }
  made.cache_directory = options.cache_directory;
  if (!made.cache_directory.empty()) {
    std::string model = identity + name;
    for (const std::string& device : made.devices) model += ", " + device;
    made.cache_token = sha256(model);
  }
  return made;
}

NnapiPiece::NnapiPiece(const NnapiSpec& spec, std::span<const std::byte> words,
                       const Weights& weights, const NnapiSetting& setting, Slots& slots,
                       const std::string& sizes)
    : model_(spec.model), origins_(spec.operations) {
  const std::string token = spec.model + sizes;
  const bool other = spec.library == LibraryRole::kTarget && setting.has_driver() &&
                     setting.options.fallback == Fallback::kHost;
  try {
    try {
      if (spec.library == LibraryRole::kTarget) check_verdict(setting, spec.model);
      executor_ =
          std::make_unique<loader::Executor>(setting.libraries.get(spec.library), words, weights,
                                             setting.loader_options(token, spec.library));
    } catch (const Error& error) {
      if (!other || !error.is_refusal()) throw;
      compile_elsewhere(words, weights, setting, token, error);
    }
  } catch (const Error& error) {
    throw traced(error);
  }
  if (other && reason_.empty()) {
    compile_for_host_ = [words, &weights, setting, token] {
      return std::make_unique<loader::Executor>(
          setting.libraries.get(LibraryRole::kHost), words, weights,
          setting.loader_options(token + ", host", LibraryRole::kHost));
    };
  }
  const auto operands = executor_ ? executor_->inputs() : cut_->inputs();
  const auto results = executor_ ? executor_->outputs() : cut_->outputs();
  const auto codes = executor_ ? executor_->operations() : cut_->operations();
  codes_.assign(codes.begin(), codes.end());
  inputs_ = crossings(spec.inputs, "inputs", operands);
  outputs_ = crossings(spec.outputs, "outputs", results);
  for (const Crossing& one : inputs_) input_slots_.push_back(slots[one.border().value]);
  for (const Crossing& one : outputs_) output_slots_.push_back(slots[one.border().value]);
  const size_t count = codes_.size();
  if (!origins_.empty() && origins_.size() != count) {
    throw ModelError("'" + model_ + "' has " + std::to_string(count) +
                     " operations, and the manifest " + std::to_string(origins_.size()) +
                     " of them");
  }
  origins_.resize(count);
}

void NnapiPiece::compile_elsewhere(std::span<const std::byte> words, const Weights& weights,
                                   const NnapiSetting& setting, const std::string& token,
                                   const Error& refusal) {
  const auto host = setting.libraries.get(LibraryRole::kHost);
  const std::vector<loader::Model> models = loader::read_words(words, weights);
  const auto& results = models.front().outputs;
  const std::set<uint32_t> distinct(results.begin(), results.end());
  if (refusal.kind != loader::ErrorKind::kLibrary && distinct.size() == results.size()) {
    auto cut = std::make_unique<CutModel>(models, setting.libraries.get(LibraryRole::kTarget), host,
                                          [&](const std::string& part, LibraryRole role) {
                                            return setting.loader_options(token + part, role);
                                          });
    bool is_mixed = false;
    for (size_t i = 0; i < models.front().operations.size(); ++i) {
      is_mixed = is_mixed || cut->reason(i).empty();
    }
    if (is_mixed) {
      cut_ = std::move(cut);
      return;
    }
  }
  reason_ = traced(refusal).text;
  executor_ = std::make_unique<loader::Executor>(
      host, words, weights, setting.loader_options(token + ", host", LibraryRole::kHost));
}

std::vector<Crossing> NnapiPiece::crossings(const std::vector<BorderSpec>& borders,
                                            const char* side,
                                            std::span<const loader::Border> operands) const {
  if (borders.size() != operands.size()) {
    throw ModelError("'" + model_ + "' has " + std::to_string(operands.size()) + " " + side +
                     ", and the manifest " + std::to_string(borders.size()) + " of them");
  }
  std::vector<Crossing> made;
  for (size_t i = 0; i < borders.size(); ++i) made.emplace_back(borders[i], operands[i]);
  return made;
}

std::vector<Crossing::Operand> NnapiPiece::operands(const Run& run) const {
  std::vector<Crossing::Operand> given;
  given.reserve(inputs_.size());
  for (size_t i = 0; i < inputs_.size(); ++i) {
    given.push_back(inputs_[i].into(run.values[input_slots_[i]]));
  }
  return given;
}

namespace {

std::vector<loader::ConstArray> arrays_of(std::vector<Crossing::Operand>& operands) {
  std::vector<loader::ConstArray> arrays;
  arrays.reserve(operands.size());
  for (Crossing::Operand& one : operands) arrays.push_back(std::move(one.array));
  return arrays;
}

}  // namespace

void NnapiPiece::run(Run& run) const {
  auto given = operands(run);
  std::vector<std::shared_ptr<std::byte>> memory(outputs_.size());
  std::vector<std::vector<uint32_t>> dims;
  try {
    const auto allocate = [&](size_t i, size_t bytes) -> void* {
      // What is converted on the way lies elsewhere in the end.
      if (outputs_[i].same_elements()) memory[i] = run.place(output_slots_[i], bytes);
      if (memory[i] == nullptr) memory[i] = new_memory(bytes, "an output");
      return memory[i].get();
    };
    const auto arrays = arrays_of(given);
    dims = compute(arrays, allocate);
  } catch (const Error& error) {
    throw traced(error);
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    run.values[output_slots_[i]] = outputs_[i].out_of(std::move(memory[i]), dims[i]);
  }
}

std::vector<std::vector<uint32_t>> NnapiPiece::compute(
    std::span<const loader::ConstArray> arrays, const loader::Executor::Allocate& allocate) const {
  if (replaced_by_ != nullptr) return stand_in_->run(arrays, allocate);
  try {
    return executor_ ? executor_->run(arrays, allocate) : cut_->run(arrays, allocate);
  } catch (const Error& error) {
    loader::Executor* other = stand_in_for(error);
    if (other == nullptr) throw;
    auto dims = other->run(arrays, allocate);
    stand_in_ran(error);
    return dims;
  }
}

loader::Executor* NnapiPiece::stand_in_for(const Error& error) const {
  if (!compile_for_host_ || !is_drivers_fault(error)) return nullptr;
  const std::lock_guard lock(mutex_);
  if (stand_in_ == nullptr) stand_in_ = compile_for_host_();
  return stand_in_.get();
}

void NnapiPiece::stand_in_ran(const Error& error) const {
  const std::lock_guard lock(mutex_);
  if (replaced_by_ != nullptr) return;
  driver_failure_ = "it failed in a run: " + traced(error).text;
  replaced_by_ = stand_in_.get();
}

void NnapiPiece::profile(Run& run, std::vector<Cost>& costs) const {
  if (executor_ == nullptr) {
    throw loader::LibraryError("'" + model_ +
                               "' runs on two libraries, of which one does not measure single "
                               "operations");
  }
  auto given = operands(run);
  std::vector<std::shared_ptr<std::byte>> memory(outputs_.size());
  std::vector<uint64_t> taken;
  try {
    taken = executor_->profile(arrays_of(given), [&](size_t i, size_t bytes) {
      memory[i] = new_memory(bytes, "an output");
      return memory[i].get();
    });
  } catch (const Error& error) {
    throw traced(error);
  }
  this->run(run);
  for (size_t i = 0; i < taken.size(); ++i) {
    costs.push_back({origins_[i], codes_[i], taken[i]});
  }
}

void NnapiPiece::place(std::vector<Placement>& placements) const {
  if (const loader::Executor* other = replaced_by_) {
    for (size_t i = 0; i < origins_.size(); ++i) {
      placements.push_back({origins_[i], codes_[i], other->library().path(), driver_failure_});
    }
    return;
  }
  for (size_t i = 0; i < origins_.size(); ++i) {
    if (executor_ != nullptr) {
      placements.push_back({origins_[i], codes_[i], executor_->library().path(), reason_});
      continue;
    }
    // The text names no operation: it was alone.
    std::string reason = cut_->reason(i);
    if (!reason.empty() && !origins_[i].node.empty()) {
      reason += "; it comes from " + origins_[i].text();
    }
    placements.push_back({origins_[i], codes_[i], cut_->library(i), std::move(reason)});
  }
}

// The error, and where in the user's model its operation came from.
Error NnapiPiece::traced(const Error& error) const {
  if (!error.operation || *error.operation >= origins_.size() || !error.node.empty()) return error;
  const Origin& origin = origins_[*error.operation];
  if (origin.node.empty()) return error;
  Error traced = error.with_text(error.text + "; operation " + std::to_string(*error.operation) +
                                 " comes from " + origin.text());
  traced.node = origin.node;
  traced.source = origin.source;
  return traced;
}

}  // namespace nnapi::session
