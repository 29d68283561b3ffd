#include "session/pieces/control_piece.h"

#include <algorithm>
#include <cstring>

#include "loader/error.h"
#include "nnapi/neural_networks.h"
#include "session/tensor/shape_text.h"

namespace nnapi::session {
namespace {

// Throws ModelError for what is no condition.
bool holds(const Value& value, const std::string& name) {
  const loader::Element element = element_of(value.dtype);
  if (value.count() != 1 || !element.holds_data()) {
    throw loader::ModelError("the condition '" + name + "' is " + name_of(value.dtype) +
                             " of shape " + shape_text(value.shape) + ", not one number");
  }
  if (element.kind == loader::ElementKind::kFloat) {
    double number = 0.0;
    convert(value.data, value.dtype, reinterpret_cast<std::byte*>(&number), DType::kFloat64, 1);
    return number != 0.0;
  }
  const std::byte* end = value.data + element.size;
  return std::any_of(value.data, end, [](std::byte one) { return one != std::byte{0}; });
}

}  // namespace

ControlPiece::ControlPiece(const ControlSpec& spec, Slots& slots, uint64_t loop_timeout,
                           const MakePiece& make)
    : carried_(spec.carried), results_(spec.results), loop_timeout_(loop_timeout) {
  for (const std::string& name : spec.outputs) {
    named_ += (named_.empty() ? "'" : ", '") + name + "'";
    outputs_.push_back(slots[name]);
  }
  for (const std::string& name : spec.operands) operands_.push_back(slots[name]);
  if (spec.condition) {
    condition_ = slots[*spec.condition];
    condition_name_ = *spec.condition;
  }
  for (const BranchSpec& one : spec.branches) {
    Branch branch;
    for (const auto& name : one.inputs) {
      branch.inputs.push_back(name ? std::optional(slots[*name]) : std::nullopt);
    }
    for (const PieceSpec& piece : one.pieces) branch.pieces.push_back(make(piece));
    for (const std::string& name : one.outputs) branch.outputs.push_back(slots[name]);
    if (!one.outputs.empty()) branch.condition = one.outputs.front();
    branches_.push_back(std::move(branch));
  }
}

void ControlPiece::run(Run& run) const {
  std::vector<Value> given;
  for (const size_t slot : operands_) given.push_back(run.values[slot]);
  std::vector<Value> results;
  if (condition_) {
    const bool taken = holds(run.values[*condition_], condition_name_);
    results = run_branch(branches_[taken ? 0 : 1], given, run);
  } else {
    results = loop(std::move(given), run);
  }
  for (size_t i = 0; i < outputs_.size(); ++i) run.values[outputs_[i]] = results[results_[i]];
}

std::vector<Value> ControlPiece::loop(std::vector<Value> given, Run& run) const {
  const auto start = Clock::now();
  while (holds(run_branch(branches_[0], given, run)[0], branches_[0].condition)) {
    std::vector<Value> carried = run_branch(branches_[1], given, run);
    std::move(carried.begin(), carried.end(), given.begin());
    run.limits.check();
    if (loop_timeout_ != 0 && Clock::now() - start > std::chrono::nanoseconds(loop_timeout_)) {
      throw loader::CallError(ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT, "", {},
                              "a loop that gives " + named_ + " has not ended within " +
                                  number_text(static_cast<double>(loop_timeout_) / 1e9) +
                                  " seconds; give it more with loop_timeout=");
    }
  }
  given.resize(carried_);
  return given;
}

std::vector<Value> ControlPiece::run_branch(const Branch& branch, std::vector<Value>& given,
                                            Run& run) const {
  for (size_t i = 0; i < given.size(); ++i) {
    if (branch.inputs[i]) run.values[*branch.inputs[i]] = given[i];
  }
  for (const auto& piece : branch.pieces) {
    run.limits.check();
    piece->run(run);
  }
  std::vector<Value> results;
  for (const size_t slot : branch.outputs) results.push_back(run.values[slot]);
  return results;
}

void ControlPiece::profile(Run& run, std::vector<Cost>& costs) const {
  const auto start = Clock::now();
  this->run(run);
  const auto taken = std::chrono::nanoseconds(Clock::now() - start).count();
  std::string name = named_;
  std::erase(name, '\'');
  costs.push_back({{name, "", ""}, {}, static_cast<uint64_t>(taken)});
}

void ControlPiece::place(std::vector<Placement>& placements) const {
  for (const Branch& branch : branches_) {
    for (const auto& piece : branch.pieces) piece->place(placements);
  }
}

}  // namespace nnapi::session
