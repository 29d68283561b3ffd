#include "session/method.h"

#include <algorithm>

#include "loader/error.h"

namespace nnapi::session {

using loader::Error;
using loader::ModelError;

namespace {

ModelError missing(const std::string& part) {
  return ModelError("'" + printable(part) + "', which the manifest names, is missing");
}

// Of a state of a method among those of the file.
size_t index_of(const Manifest& file, const StateSpec& state) {
  const auto found =
      std::find_if(file.states.begin(), file.states.end(),
                   [&](const StateSpec& one) { return one.tensor.name == state.tensor.name; });
  return static_cast<size_t>(found - file.states.begin());
}

}  // namespace

Method::Method(const Manifest& manifest, const MethodSetting& setting)
    : manifest_(manifest), setting_(setting) {
  setting_.nnapi.relaxed = manifest.relaxed;
  for (const StoredTensor& weight : setting.artifact.weights) {
    weights_.push_back(weight.bytes);
    setting_.nnapi.weight_bytes += weight.bytes.size();
  }
  for (const TensorSpec& input : manifest.inputs) input_slots_.push_back(slots_[input.name]);
  for (const StateSpec& state : manifest.states) {
    states_.push_back(index_of(setting.artifact.manifest, state));
    state_slots_.push_back(slots_[state.input]);
  }
  for (const auto& [name, value] : manifest.constants) slots_[name];
  try {
    pieces_ = std::make_shared<const Pieces>(staged());
  } catch (const Error& error) {
    pieces_ = std::make_shared<const Pieces>(whole(error));
  }
  for (const Result& result : manifest.results) {
    result_slots_.push_back(result.spec ? std::optional(slots_[result.spec->name]) : std::nullopt);
    result_is_constant_.push_back(result.spec && manifest.constant(result.spec->name) != nullptr);
  }
  for (size_t i = 0; i < states_.size(); ++i) {
    const StateSpec& state = manifest.states[i];
    if (state.output == state.input) continue;
    changed_.push_back(states_[i]);
    next_state_slots_.push_back(slots_[state.output]);
  }
  initial_.resize(slots_.size());
  for (const auto& [name, value] : manifest.constants) initial_[slots_[name]] = value;
}

Pieces Method::staged() {
  Pieces pieces;
  for (const PieceSpec& spec : manifest_.pieces) pieces.push_back(piece_of(spec));
  return pieces;
}

std::unique_ptr<const Piece> Method::piece_of(const PieceSpec& spec) {
  if (const auto* control = std::get_if<ControlSpec>(&spec)) {
    return std::make_unique<ControlPiece>(*control, slots_, setting_.nnapi.options.loop_timeout,
                                          [this](const PieceSpec& one) { return piece_of(one); });
  }
  if (const auto* torch = std::get_if<TorchSpec>(&spec)) return external_piece(*torch);
  return nnapi_piece(std::get<NnapiSpec>(spec));
}

std::unique_ptr<const Piece> Method::nnapi_piece(const NnapiSpec& spec) {
  const auto words = setting_.artifact.models.find(spec.model);
  if (words == setting_.artifact.models.end()) throw missing(spec.model);
  if (!spec.patches) {
    return std::make_unique<NnapiPiece>(spec, words->second, weights_, setting_.nnapi, slots_);
  }
  return std::make_unique<FlexiblePiece>(spec, words->second, setting_.artifact.weights, manifest_,
                                         setting_.nnapi, slots_);
}

std::unique_ptr<const Piece> Method::external_piece(const TorchSpec& spec) {
  if (!setting_.artifact.programs.contains(spec.program)) throw missing(spec.program);
  return std::make_unique<ExternalPiece>(spec, *setting_.runner, slots_);
}

Pieces Method::whole(const Error& error) {
  const auto& cpu = manifest_.cpu;
  const bool allowed = setting_.nnapi.options.fallback != Fallback::kNone;
  if (!allowed || !error.is_refusal() || !cpu || setting_.runner == nullptr ||
      !setting_.artifact.programs.contains(cpu->program)) {
    throw error;
  }
  Pieces pieces;
  try {
    pieces.push_back(external_piece(*cpu));
  } catch (const Error& other) {
    throw error.with_text(error.text + "; and to run it without NNAPI, " + other.text);
  }
  {
    const std::lock_guard lock(mutex_);
    fallback_ = error.text;
  }
  if (setting_.fell_back) setting_.fell_back(error.text);
  return pieces;
}

Method::Shared Method::pieces() const {
  const std::lock_guard lock(mutex_);
  return pieces_;
}

std::optional<std::string> Method::fallback() const {
  const std::lock_guard lock(mutex_);
  return fallback_;
}

Run Method::bound(std::vector<Value> arguments, const RunLimits& limits, const State* state) const {
  check_arguments(manifest_, arguments, setting_.artifact.name);
  if (fallback()) {
    // What the borders of NNAPI pieces check where they run.
    for (const PieceSpec& piece : manifest_.pieces) {
      const auto* nnapi = std::get_if<NnapiSpec>(&piece);
      if (nnapi == nullptr) continue;
      for (const BorderSpec& border : nnapi->inputs) {
        for (size_t i = 0; i < arguments.size(); ++i) {
          if (manifest_.inputs[i].name == border.value) check_quantisation(border, arguments[i]);
        }
      }
    }
  }
  Run run{initial_, limits};
  for (size_t i = 0; i < arguments.size(); ++i) {
    run.values[input_slots_[i]] = std::move(arguments[i]);
  }
  for (size_t i = 0; i < state_slots_.size(); ++i) {
    run.values[state_slots_[i]] = state->value(states_[i]);
  }
  return run;
}

Results Method::run(std::vector<Value> arguments, const RunLimits& limits, State* state) {
  Run run = bound(std::move(arguments), limits, state);
  for (size_t i = 0; i < changed_.size(); ++i) {
    const size_t one = changed_[i];
    run.places.push_back({next_state_slots_[i], state->next(one), state->bytes(one)});
  }
  const Shared pieces = this->pieces();
  const auto run_all = [&](const Pieces& all) {
    for (const auto& piece : all) {
      run.limits.check();
      piece->run(run);
    }
  };
  try {
    run_all(*pieces);
  } catch (const Error& error) {
    // Where sizes are free, models are compiled when the sizes are known. The values that pieces
    // made are not read by the program of the whole model.
    if (fallback()) throw;
    const auto other = std::make_shared<const Pieces>(whole(error));
    {
      const std::lock_guard lock(mutex_);
      pieces_ = other;
    }
    run_all(*other);
  }
  Results made = results(run, state);
  if (state != nullptr) {
    std::vector<Value> next;
    for (const size_t slot : next_state_slots_) next.push_back(run.values[slot]);
    state->keep(changed_, next);
  }
  return made;
}

Results Method::results(Run& run, const State* state) const {
  Results results;
  results.reserve(result_slots_.size());
  for (size_t i = 0; i < result_slots_.size(); ++i) {
    results.emplace_back();
    if (!result_slots_[i]) continue;
    const Value& value = run.values[*result_slots_[i]];
    if (result_is_constant_[i] || (state != nullptr && state->holds(value))) {
      results.back() = copied(value);
    } else {
      results.back() = value.foreign ? value : contiguous(value);
    }
  }
  return results;
}

std::vector<Cost> Method::profile(std::vector<Value> arguments, const RunLimits& limits,
                                  const State* state) {
  Run run = bound(std::move(arguments), limits, state);
  std::vector<Cost> costs;
  for (const auto& piece : *pieces()) {
    run.limits.check();
    piece->profile(run, costs);
  }
  return costs;
}

std::vector<Placement> Method::placements() const {
  std::vector<Placement> placements;
  for (const auto& piece : *pieces()) piece->place(placements);
  return placements;
}

const NnapiPiece* Method::only_piece() const {
  const Shared pieces = this->pieces();
  const auto* piece = pieces->size() == 1 && manifest_.states.empty()
                          ? dynamic_cast<const NnapiPiece*>(pieces->front().get())
                          : nullptr;
  if (piece == nullptr || piece->executor() == nullptr) return nullptr;
  bool same = piece->inputs().size() == manifest_.inputs.size() &&
              piece->outputs().size() == manifest_.results.size();
  for (size_t i = 0; same && i < manifest_.inputs.size(); ++i) {
    same = piece->inputs()[i].border().value == manifest_.inputs[i].name;
  }
  for (size_t i = 0; same && i < manifest_.results.size(); ++i) {
    const Result& result = manifest_.results[i];
    same = result.spec && !result.into && piece->outputs()[i].border().value == result.spec->name;
  }
  return same ? piece : nullptr;
}

}  // namespace nnapi::session
