// Whether arguments are what a manifest's inputs say.
#include "session/method.h"
#include "session/tensor/shape_text.h"

namespace nnapi::session {

using loader::ArgumentError;

namespace {

void check(const TensorSpec& spec, const Value& value) {
  bool fits = value.shape.size() == spec.shape.size();
  for (size_t i = 0; fits && i < spec.shape.size(); ++i) {
    fits = spec.shape[i] < 0 || spec.shape[i] == value.shape[i];
  }
  // A quantised tensor may stand for its integers; its parameters are checked at the border.
  fits = fits && (value.dtype == spec.dtype || stored_as(value.dtype) == spec.dtype ||
                  stored_as(spec.dtype) == value.dtype);
  if (fits) return;
  throw ArgumentError("input '" + spec.name + "' must be " + name_of(spec.dtype) + " of shape (" +
                      joined(spec.shape, "any") + "), not " + name_of(value.dtype) + " of shape (" +
                      joined(value.shape, "any") + ")");
}

}  // namespace

void check_arguments(const Manifest& manifest, std::span<const Value> arguments,
                     const std::string& name) {
  if (arguments.size() != manifest.inputs.size()) {
    std::string names;
    for (const TensorSpec& input : manifest.inputs) {
      names += (names.empty() ? "'" : ", '") + input.name + "'";
    }
    throw ArgumentError(name + " takes " + std::to_string(manifest.inputs.size()) + " tensors (" +
                        names + "), not " + std::to_string(arguments.size()));
  }
  for (size_t i = 0; i < arguments.size(); ++i) check(manifest.inputs[i], arguments[i]);
  if (manifest.sizes.empty()) return;
  const KnownSizes sizes = sizes_of(manifest, arguments);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const TensorSpec& input = manifest.inputs[i];
    if (input.dims) check_dims(input.name, arguments[i].shape, *input.dims, sizes);
  }
  for (const Relation& relation : manifest.relations) relation.check(sizes);
}

KnownSizes sizes_of(const Manifest& manifest, std::span<const Value> arguments) {
  KnownSizes sizes{&manifest.size_names, {}};
  for (const Size& size : manifest.sizes) {
    sizes.numbers.emplace_back();
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (manifest.inputs[i].name == size.of) {
        sizes.numbers.back() = size.given_by(arguments[i].shape);
      }
    }
  }
  return sizes;
}

}  // namespace nnapi::session
