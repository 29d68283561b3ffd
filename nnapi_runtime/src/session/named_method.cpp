#include "session/named_method.h"

#include "loader/error.h"
#include "session/tensor/shape_text.h"

namespace nnapi::session {

using loader::ArgumentError;

namespace {

bool takes(const Manifest& manifest, std::span<const Value> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Shape& said = manifest.inputs[i].shape;
    const Shape& given = arguments[i].shape;
    if (said.size() != given.size()) return false;
    for (size_t dim = 0; dim < said.size(); ++dim) {
      if (said[dim] >= 0 && said[dim] != given[dim]) return false;
    }
  }
  return true;
}

// "(1, 4), (2)".
template <class Tensors, class ShapeOf>
std::string shapes_text(const Tensors& tensors, const ShapeOf& shape_of) {
  std::string text;
  for (const auto& one : tensors) {
    text += (text.empty() ? "(" : ", (") + joined(shape_of(one), "any") + ")";
  }
  return text;
}

}  // namespace

NamedMethod::NamedMethod(std::string name, std::vector<const Manifest*> manifests,
                         const MethodSetting& setting)
    : name_(std::move(name)), setting_(setting) {
  for (const Manifest* manifest : manifests) {
    Sizes& made = sizes_.emplace_back();
    made.manifest = manifest;
    made.variants.resize(manifest->variants.size());
    if (made.variants.empty()) made.method = std::make_unique<Method>(*manifest, setting_);
  }
}

NamedMethod::Sizes& NamedMethod::of_shapes(std::span<const Value> arguments) {
  // Another number of arguments is refused by whoever checks them.
  if (sizes_.size() == 1 || arguments.size() != manifest().inputs.size()) return sizes_.front();
  for (Sizes& one : sizes_) {
    if (takes(*one.manifest, arguments)) return one;
  }
  std::string made;
  for (const Sizes& one : sizes_) {
    if (made.size() > 1000) break;
    made += (made.empty() ? "" : "; ") +
            shapes_text(one.manifest->inputs, [](const TensorSpec& spec) { return spec.shape; });
  }
  throw ArgumentError("'" + printable(name_) + "' was not made for arguments of shape " +
                      shapes_text(arguments, [](const Value& value) { return value.shape; }) +
                      "; it was made for: " + made);
}

Method& NamedMethod::chosen(std::span<const Value> arguments) {
  Sizes& sizes = of_shapes(arguments);
  return sizes.method != nullptr ? *sizes.method : variant(sizes, arguments);
}

Method& NamedMethod::variant(Sizes& sizes, std::span<const Value> arguments) {
  const Manifest& manifest = *sizes.manifest;
  check_arguments(manifest, arguments, setting_.artifact.name);
  const KnownSizes known = sizes_of(manifest, arguments);
  const auto& variants = manifest.variants;
  for (size_t i = 0; i < variants.size(); ++i) {
    if (!variants[i].takes(known)) continue;
    const std::lock_guard lock(mutex_);
    auto& made = sizes.variants[i];
    if (made == nullptr) made = std::make_unique<Method>(*variants[i].manifest, setting_);
    return *made;
  }
  std::string given, made;
  for (size_t i = 0; i < known.numbers.size(); ++i) {
    if (!known.numbers[i]) continue;
    given += (given.empty() ? "" : ", ") + manifest.size_names.names[i] + " " +
             std::to_string(*known.numbers[i]);
  }
  for (const Variant& one : variants) {
    if (made.size() > 1000) break;
    made += (made.empty() ? "" : "; ") + one.text(manifest.size_names);
  }
  throw ArgumentError("the model was not made for " + given + "; it was made for: " + made);
}

std::vector<const Method*> NamedMethod::made() const {
  const std::lock_guard lock(mutex_);
  std::vector<const Method*> all;
  for (const Sizes& one : sizes_) {
    if (one.method != nullptr) all.push_back(one.method.get());
    for (const auto& variant : one.variants) {
      if (variant != nullptr) all.push_back(variant.get());
    }
  }
  return all;
}

std::vector<Placement> NamedMethod::placements() const {
  std::vector<Placement> all;
  for (const Method* one : made()) {
    for (Placement& placement : one->placements()) all.push_back(std::move(placement));
  }
  return all;
}

std::optional<std::string> NamedMethod::fallback() const {
  for (const Method* one : made()) {
    if (auto why = one->fallback()) return why;
  }
  return {};
}

const NnapiPiece* NamedMethod::only_piece() const {
  const Method* method = sizes_.front().method.get();
  return sizes_.size() == 1 && method != nullptr ? method->only_piece() : nullptr;
}

}  // namespace nnapi::session
