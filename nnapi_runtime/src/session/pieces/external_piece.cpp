#include "session/pieces/external_piece.h"

namespace nnapi::session {

ExternalPiece::ExternalPiece(const TorchSpec& spec, PieceRunner& runner, Slots& slots)
    : program_name_(spec.program) {
  for (const std::string& name : spec.inputs) inputs_.push_back(slots[name]);
  for (const std::string& name : spec.outputs) outputs_.push_back(slots[name]);
  program_ = runner.prepare(spec);
}

void ExternalPiece::run(Run& run) const {
  std::vector<Value> inputs;
  inputs.reserve(inputs_.size());
  for (const size_t slot : inputs_) {
    const Value& value = run.values[slot];
    // What torch made, or the caller gave, it takes as it is.
    inputs.push_back(value.foreign ? value : contiguous(value));
    if (inputs.back().quantisation) {
      inputs.back().quantisation.reset();
      inputs.back().dtype = stored_as(inputs.back().dtype);
      inputs.back().foreign = nullptr;
    }
  }
  std::vector<Value> outputs = program_->run(inputs, run.limits);
  if (outputs.size() != outputs_.size()) {
    throw loader::ModelError("'" + program_name_ + "' returns " + std::to_string(outputs.size()) +
                             " values; the manifest names " + std::to_string(outputs_.size()));
  }
  for (size_t i = 0; i < outputs.size(); ++i) run.values[outputs_[i]] = std::move(outputs[i]);
}

void ExternalPiece::profile(Run& run, std::vector<Cost>& costs) const {
  const auto start = Clock::now();
  this->run(run);
  const auto taken = std::chrono::nanoseconds(Clock::now() - start).count();
  costs.push_back({{program_name_, "", ""}, {}, static_cast<uint64_t>(taken)});
}

void ExternalPiece::place(std::vector<Placement>& placements) const {
  placements.push_back({{program_name_, "", ""}, {}, "torch", ""});
}

}  // namespace nnapi::session
