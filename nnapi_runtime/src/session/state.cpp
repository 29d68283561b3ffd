#include "session/state.h"

#include "loader/error.h"
#include "session/tensor/shape_text.h"

namespace nnapi::session {

using loader::ArgumentError;
using loader::ModelError;

State::State(std::shared_ptr<const Artifact> artifact) : artifact_(std::move(artifact)) {
  const auto& specs = artifact_->manifest.states;
  const auto& weights = artifact_->weights;
  kept_.resize(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    const StateSpec& spec = specs[i];
    const std::string what = "the state '" + printable(spec.tensor.name) + "' begins as weight " +
                             std::to_string(spec.weight) + ", ";
    if (spec.weight >= weights.size()) {
      throw ModelError(what + "and there are " + std::to_string(weights.size()));
    }
    size_t bytes = element_of(spec.tensor.dtype).size;
    bool fits = true;
    for (const int64_t dim : spec.tensor.shape) {
      fits = fits && !__builtin_mul_overflow(bytes, static_cast<size_t>(dim), &bytes);
    }
    const size_t found = beginning(i).size();
    if (!fits || found != bytes) {
      throw ModelError(what + "which has " + std::to_string(found) + " bytes; a " +
                       name_of(spec.tensor.dtype) + " of shape " + shape_text(spec.tensor.shape) +
                       " has others");
    }
    kept_[i].bytes = bytes;
    begin(i);
  }
}

State::State(const State& other) : artifact_(other.artifact_), kept_(other.kept_.size()) {
  for (size_t i = 0; i < kept_.size(); ++i) {
    kept_[i].bytes = other.kept_[i].bytes;
    if (other.kept_[i].memory == nullptr) {
      begin(i);
    } else {
      set(i, other.kept_[i].value);
    }
  }
}

std::span<const std::byte> State::beginning(size_t i) const {
  return artifact_->weights[artifact_->manifest.states[i].weight].bytes;
}

void State::begin(size_t i) {
  Value value;
  value.dtype = spec(i).dtype;
  value.shape = spec(i).shape;
  value.strides = contiguous_strides(value.shape);
  value.data = beginning(i).data();
  value.owner = artifact_;
  kept_[i].value = std::move(value);
  kept_[i].memory = nullptr;
}

void State::reset() {
  for (size_t i = 0; i < kept_.size(); ++i) begin(i);
}

void State::set(size_t i, const Value& value) {
  const TensorSpec& spec = this->spec(i);
  if (value.dtype != spec.dtype || value.shape != spec.shape) {
    throw ArgumentError("the state '" + spec.name + "' is " + name_of(spec.dtype) + " of shape " +
                        shape_text(spec.shape) + ", not " + name_of(value.dtype) + " of shape " +
                        shape_text(value.shape));
  }
  swap(i, written(i, value));
}

std::shared_ptr<std::byte> State::next(size_t i) {
  Kept& kept = kept_[i];
  if (kept.next == nullptr) kept.next = new_memory(kept.bytes, "a state");
  return kept.next;
}

Value State::written(size_t i, const Value& value) {
  const auto memory = next(i);
  copy_contiguous(value, memory.get());
  Value copy;
  copy.dtype = spec(i).dtype;
  copy.shape = value.shape;
  copy.strides = contiguous_strides(value.shape);
  copy.data = memory.get();
  copy.owner = memory;
  return copy;
}

void State::swap(size_t i, Value value) {
  std::swap(kept_[i].memory, kept_[i].next);
  kept_[i].value = std::move(value);
}

void State::keep(std::span<const size_t> which, std::span<const Value> values) {
  std::vector<Value> made;
  for (size_t place = 0; place < which.size(); ++place) {
    const size_t i = which[place];
    const Value& value = values[place];
    const TensorSpec& spec = this->spec(i);
    if (value.shape != spec.shape || stored_as(value.dtype) != spec.dtype) {
      throw ModelError("the state '" + printable(spec.name) + "' became " + name_of(value.dtype) +
                       " of shape " + shape_text(value.shape) + "; it is " + name_of(spec.dtype) +
                       " of shape " + shape_text(spec.shape));
    }
    const bool in_place = value.foreign == nullptr && value.data == next(i).get();
    made.push_back(in_place ? value : written(i, value));
    made.back().dtype = spec.dtype;
    made.back().quantisation.reset();
  }
  for (size_t place = 0; place < which.size(); ++place) swap(which[place], std::move(made[place]));
}

bool State::holds(const Value& value) const {
  const auto within = [&](const std::byte* begin, size_t bytes) {
    return begin != nullptr && value.data >= begin && value.data < begin + bytes;
  };
  for (size_t i = 0; i < kept_.size(); ++i) {
    const Kept& kept = kept_[i];
    if (within(kept.memory.get(), kept.bytes) || within(kept.next.get(), kept.bytes) ||
        within(beginning(i).data(), kept.bytes)) {
      return true;
    }
  }
  return false;
}

}  // namespace nnapi::session
