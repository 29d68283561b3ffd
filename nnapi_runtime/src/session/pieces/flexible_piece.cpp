#include "session/pieces/flexible_piece.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "session/limits.h"
#include "session/tensor/shape_text.h"

namespace nnapi::session {

using loader::ModelError;

FlexiblePiece::FlexiblePiece(const NnapiSpec& spec, std::span<const std::byte> words,
                             const std::vector<StoredTensor>& weights, const Manifest& manifest,
                             NnapiSetting setting, Slots& slots)
    : spec_(spec),
      words_(words),
      weights_(weights),
      manifest_(manifest),
      setting_(std::move(setting)) {
  std::set<size_t> needed;
  for (const Expression& value : spec.patches->values) value.add_sizes(needed);
  for (const Patches::Part& part : spec.patches->parts) {
    for (const Expression& dim : part.dims) dim.add_sizes(needed);
  }
  for (const auto* borders : {&spec.inputs, &spec.outputs}) {
    for (const BorderSpec& border : *borders) {
      if (!border.dims) continue;
      for (const Expression& dim : *border.dims) dim.add_sizes(needed);
    }
  }
  needed_.assign(needed.begin(), needed.end());
  for (const size_t size : needed_) size_slots_.push_back(slots[manifest.sizes[size].of]);
  for (const BorderSpec& border : spec.inputs) input_slots_.push_back(slots[border.value]);
  for (const BorderSpec& border : spec.outputs) output_slots_.push_back(slots[border.value]);
  for (const uint32_t position : spec.patches->positions) {
    if (position >= words.size() / 4) {
      throw ModelError("a patch is for word " + std::to_string(position) + " of " +
                       std::to_string(words.size() / 4));
    }
  }
  slots_ = slots;
}

KnownSizes FlexiblePiece::sizes_of(const Run& run) const {
  KnownSizes sizes{&manifest_.size_names, {}};
  sizes.numbers.resize(manifest_.sizes.size());
  for (size_t i = 0; i < needed_.size(); ++i) {
    sizes.numbers[needed_[i]] =
        manifest_.sizes[needed_[i]].given_by(run.values[size_slots_[i]].shape);
  }
  return sizes;
}

void FlexiblePiece::run(Run& run) const {
  const KnownSizes sizes = sizes_of(run);
  const bool empty = std::any_of(sizes.numbers.begin(), sizes.numbers.end(),
                                 [](const auto& number) { return number == 0; });
  if (empty) return run_empty(run, sizes);
  compiled(sizes)->piece->run(run);
}

namespace {

bool has_zero(std::span<const int64_t> shape) {
  return std::find(shape.begin(), shape.end(), 0) != shape.end();
}

Value zeros(DType dtype, std::vector<int64_t> shape) {
  Value value;
  value.dtype = dtype;
  value.shape = std::move(shape);
  value.strides = contiguous_strides(value.shape);
  const size_t bytes = static_cast<size_t>(value.count()) * element_of(dtype).size;
  const auto memory = new_memory(bytes, "a tensor of zeros");
  std::memset(memory.get(), 0, bytes);
  value.data = memory.get();
  value.owner = memory;
  return value;
}

}  // namespace

// At a size of 1 it computes what does not depend on the size.
void FlexiblePiece::run_empty(Run& run, const KnownSizes& sizes) const {
  KnownSizes inner = sizes;
  for (auto& number : inner.numbers) {
    if (number == 0) number = 1;
  }
  std::vector<std::optional<Value>> empty;
  bool all_empty = true;
  for (const BorderSpec& border : spec_.outputs) {
    const BorderSpec there = border.at(sizes);
    empty.emplace_back();
    if (has_zero(there.shape)) {
      std::vector<int64_t> shape = there.shape;
      for (int64_t& dim : shape) dim = std::max<int64_t>(dim, 0);
      empty.back() = zeros(border.dtype, std::move(shape));
      if (is_quantised(border.dtype)) {
        empty.back()->quantisation = Quantisation{border.scale, border.zero_point, false};
      }
    } else {
      all_empty = false;
    }
  }
  if (!all_empty) {
    Run given{run.values, run.limits};
    for (size_t i = 0; i < spec_.inputs.size(); ++i) {
      Value& value = given.values[input_slots_[i]];
      if (spec_.inputs[i].dims && has_zero(value.shape)) {
        value = zeros(stored_as(value.dtype), spec_.inputs[i].at(inner).shape);
      }
    }
    compiled(inner)->piece->run(given);
    for (const size_t slot : output_slots_) run.values[slot] = given.values[slot];
  }
  for (size_t i = 0; i < empty.size(); ++i) {
    if (empty[i]) run.values[output_slots_[i]] = std::move(*empty[i]);
  }
}

void FlexiblePiece::profile(Run& run, std::vector<Cost>& costs) const {
  compiled(sizes_of(run))->piece->profile(run, costs);
}

void FlexiblePiece::place(std::vector<Placement>& placements) const {
  const std::lock_guard lock(mutex_);
  if (!kept_.empty()) return kept_.front().compiled->piece->place(placements);
  for (const Origin& origin : spec_.operations) placements.push_back({origin, {}, "", ""});
}

std::shared_ptr<const FlexiblePiece::Compiled> FlexiblePiece::compiled(
    const KnownSizes& sizes) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& one) { return one.sizes == sizes.numbers; });
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
  } else {
    kept_.push_front({sizes.numbers, compile(sizes)});
    if (kept_.size() > limits::kCompiledSizes) kept_.pop_back();
  }
  return kept_.front().compiled;
}

std::shared_ptr<const FlexiblePiece::Compiled> FlexiblePiece::compile(
    const KnownSizes& sizes) const {
  NnapiSpec spec = spec_;
  for (BorderSpec& border : spec.inputs) border = border.at(sizes);
  for (BorderSpec& border : spec.outputs) border = border.at(sizes);
  auto made = std::make_shared<Compiled>();
  made->words = patched_words(sizes);
  const Weights weights = cut_weights(sizes, *made);
  made->piece =
      std::make_unique<const NnapiPiece>(spec, std::as_bytes(std::span(made->words)), weights,
                                         setting_, slots_, " at " + sizes.shown());
  return made;
}

std::vector<int32_t> FlexiblePiece::patched_words(const KnownSizes& sizes) const {
  const Patches& patches = *spec_.patches;
  std::vector<int32_t> words(words_.size() / 4);
  std::memcpy(words.data(), words_.data(), 4 * words.size());
  std::vector<int32_t> numbers;
  for (const Expression& value : patches.values) {
    const int64_t number = value.at(sizes);
    if (number < INT32_MIN || number > INT32_MAX) {
      throw ModelError("the sizes " + sizes.shown() + " give numbers that are no int32");
    }
    numbers.push_back(static_cast<int32_t>(number));
  }
  for (size_t i = 0; i < patches.positions.size(); ++i) {
    words[patches.positions[i]] = numbers[patches.which[i]];
  }
  return words;
}

Weights FlexiblePiece::cut_weights(const KnownSizes& sizes, Compiled& compiled) const {
  Weights weights;
  for (const StoredTensor& weight : weights_) weights.push_back(weight.bytes);
  for (const Patches::Part& part : spec_.patches->parts) {
    if (part.weight >= weights_.size()) {
      throw ModelError("a part is of weight " + std::to_string(part.weight) + "; there are " +
                       std::to_string(weights_.size()));
    }
    const StoredTensor& whole = weights_[part.weight];
    const std::vector<int64_t> shape = shape_at(part.dims, sizes);
    const bool fits = std::equal(shape.begin(), shape.end(), whole.shape.begin(), whole.shape.end(),
                                 [](int64_t size, int64_t most) { return size <= most; });
    if (!fits) {
      throw ModelError("weight " + std::to_string(part.weight) + " of " + shape_text(whole.shape) +
                       " has no part of " + shape_text(shape));
    }
    Value view;
    view.dtype = whole.dtype;
    view.shape = shape;
    view.strides = contiguous_strides(whole.shape);
    view.data = whole.bytes.data();
    const size_t bytes = static_cast<size_t>(view.count()) * element_of(whole.dtype).size;
    const auto memory = new_memory(bytes, "a part of a weight");
    copy_contiguous(view, memory.get());
    weights[part.weight] = {memory.get(), bytes};
    compiled.parts.push_back(memory);
  }
  return weights;
}

}  // namespace nnapi::session
