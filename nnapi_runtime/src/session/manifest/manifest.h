// What a converted model says about itself: the manifest of docs/file_format.md, checked.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "session/manifest/input_output_specs.h"
#include "session/manifest/output_tree.h"
#include "session/manifest/pieces.h"
#include "session/sizes/size.h"

namespace nnapi::session {

struct Manifest;

// One file for several sizes: a manifest of its own, and the sizes that it is for.
struct Variant {
  struct Range {
    size_t size = 0;  // its index
    int64_t least = 0;
    std::optional<int64_t> most;
  };

  std::vector<Range> ranges;
  std::shared_ptr<const Manifest> manifest;

  bool takes(const KnownSizes& sizes) const;
  std::string text(const SizeNames& names) const;  // "rows 2 to 8, columns 4"
};

// What a caller calls by its name: a manifest for each set of shapes, of which the first that takes
// the arguments' is run. All take and give the same but for the shapes.
struct MethodSpec {
  std::string name;
  std::vector<std::shared_ptr<const Manifest>> manifests;  // at least one
};

// A converted model: pieces in the order in which they run, on named values.
struct Manifest {
  // Throws ModelError, which names the place that is wrong.
  static Manifest parse(const Field& field);

  int64_t feature_level = 0;
  bool relaxed = false;
  std::vector<TensorSpec> inputs;
  std::vector<Result> results;
  std::vector<StateSpec> states;  // none where sizes are free; of a file with methods: of them all
  OutputTree output_tree;
  std::map<std::string, Value, std::less<>> constants;
  std::vector<PieceSpec> pieces;
  std::optional<TorchSpec> cpu;  // all of the model in torch, where the file carries that
  std::vector<Size> sizes;
  SizeNames size_names;
  std::vector<Relation> relations;
  std::vector<Variant> variants;    // where there are any, they have the pieces
  std::vector<MethodSpec> methods;  // where there are any, they have all the rest

  const Value* constant(std::string_view name) const;

 private:
  enum class Role : uint8_t { kFile, kMethod, kVariant };

  static Manifest parse(const Field& field, Role role);
  void parse_methods(const Field& list);
};

// A shape that input `i` takes: where dimensions are free, the example's.
std::vector<int64_t> example_shape(const Manifest& manifest, size_t i);

// The shapes of all inputs at these sizes; -1 where the manifest does not say. Throws ArgumentError
// for sizes that do not go together.
std::vector<std::vector<int64_t>> shapes_at(const Manifest& manifest, const KnownSizes& sizes);

// The programs of all pieces that run in torch, sorted, in the variants too; without that of the
// whole model.
std::vector<std::string> external_programs(const Manifest& manifest);

}  // namespace nnapi::session
