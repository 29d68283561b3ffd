#include "session/manifest/manifest.h"

#include <algorithm>
#include <set>
#include <span>

#include "session/limits.h"
#include "session/manifest/names.h"

namespace nnapi::session {

using loader::ModelError;

bool Variant::takes(const KnownSizes& sizes) const {
  return std::all_of(ranges.begin(), ranges.end(), [&](const Range& range) {
    const auto number = sizes.numbers[range.size];
    return number && range.least <= *number && (!range.most || *number <= *range.most);
  });
}

std::string Variant::text(const SizeNames& names) const {
  std::string joined;
  for (const Range& range : ranges) {
    joined +=
        (joined.empty() ? "" : ", ") + names.names[range.size] + " " + std::to_string(range.least);
    if (range.most != range.least) {
      joined += " to " + (range.most ? std::to_string(*range.most) : std::string("any"));
    }
  }
  return joined;
}

namespace {

Variant parse_variant(const Field& field, const SizeNames& names) {
  Variant variant;
  for (const auto& [name, limits] : field["ranges"].members(limits::kSizes)) {
    const auto ends = limits.items();
    const auto size = names.index(name);
    if (!size || ends.size() != 2) throw limits.refuse("the least and the most of a size");
    variant.ranges.push_back(
        {*size, ends[0].integer(0, INT32_MAX), ends[1].integer_or_null(0, INT32_MAX)});
  }
  return variant;
}

// Sizes of different names, each of a value that there is.
void check_sizes(const Manifest& manifest) {
  std::vector<std::string> known;
  for (const TensorSpec& input : manifest.inputs) known.push_back(input.name);
  for (const PieceSpec& piece : manifest.pieces) {
    for (std::string& name : writes_of(piece)) known.push_back(std::move(name));
  }
  for (const Size& size : manifest.sizes) {
    if (std::find(known.begin(), known.end(), size.of) == known.end()) {
      throw ModelError("manifest.sizes: '" + printable(size.name) + "' is of '" +
                       printable(size.of) + "', which nothing makes");
    }
  }
}

// Do two manifests take and give the same, but for shapes?
bool is_alike(const Manifest& one, const Manifest& other) {
  const auto same_tensor = [](const TensorSpec& a, const TensorSpec& b) {
    return a.dtype == b.dtype && a.shape.size() == b.shape.size();
  };
  const auto same_input = [&](const TensorSpec& a, const TensorSpec& b) {
    return a.name == b.name && same_tensor(a, b);
  };
  const auto same_result = [&](const Result& a, const Result& b) {
    return a.number == b.number && a.into == b.into && a.spec.has_value() == b.spec.has_value() &&
           (!a.spec || same_tensor(*a.spec, *b.spec));
  };
  return std::equal(one.inputs.begin(), one.inputs.end(), other.inputs.begin(), other.inputs.end(),
                    same_input) &&
         std::equal(one.results.begin(), one.results.end(), other.results.begin(),
                    other.results.end(), same_result) &&
         one.output_tree == other.output_tree;
}

// Adds the states of a method to those of all: a name means one tensor.
void join_states(std::vector<StateSpec>& all, const std::vector<StateSpec>& states,
                 const Field& place) {
  for (const StateSpec& state : states) {
    const auto known = std::find_if(all.begin(), all.end(), [&](const StateSpec& one) {
      return one.tensor.name == state.tensor.name;
    });
    if (known == all.end()) {
      all.push_back(state);
    } else if (known->tensor.dtype != state.tensor.dtype ||
               known->tensor.shape != state.tensor.shape || known->weight != state.weight) {
      throw place.refuse("the state '" + printable(state.tensor.name) +
                         "' as the methods before have it");
    }
  }
}

}  // namespace

const Value* Manifest::constant(std::string_view name) const {
  const auto found = constants.find(name);
  return found == constants.end() ? nullptr : &found->second;
}

Manifest Manifest::parse(const Field& field) { return parse(field, Role::kFile); }

void Manifest::parse_methods(const Field& list) {
  for (const Field& item : list.items(limits::kMethods)) {
    MethodSpec method{item["name"].text(), {}};
    for (const MethodSpec& other : methods) {
      if (other.name == method.name)
        throw item.refuse("a method of another name than those before");
    }
    for (const Field& one : item["manifests"].items(limits::kVariants)) {
      method.manifests.push_back(std::make_shared<const Manifest>(parse(one, Role::kMethod)));
      const Manifest& made = *method.manifests.back();
      if (!is_alike(made, *method.manifests.front())) {
        throw one.refuse("a manifest that differs from the first of its method in shapes alone");
      }
      join_states(states, made.states, one);
    }
    if (method.manifests.empty()) throw item.refuse("a method with a manifest");
    methods.push_back(std::move(method));
  }
  if (methods.empty()) throw list.refuse("a method");
}

Manifest Manifest::parse(const Field& field, Role role) {
  Manifest manifest;
  if (const auto methods = field.find("methods")) {
    if (role != Role::kFile || field.find("stages")) {
      throw methods->refuse("what a manifest of methods alone may have");
    }
    manifest.feature_level = field["feature_level"].integer(27, INT32_MAX);
    manifest.relaxed = field["relaxed"].flag();
    manifest.parse_methods(*methods);
    return manifest;
  }
  if (const auto sizes = field.find("sizes")) {
    for (const Field& item : sizes->items(limits::kSizes)) {
      manifest.sizes.push_back(Size::parse(item));
      if (manifest.size_names.index(manifest.sizes.back().name)) {
        throw item.refuse("a size of another name than those before");
      }
      manifest.size_names.names.push_back(manifest.sizes.back().name);
    }
  }
  const SizeNames& names = manifest.size_names;
  for (const Field& item : field["outputs"].items(limits::kResults)) {
    manifest.results.push_back(Result::parse(item));
  }
  manifest.feature_level = field["feature_level"].integer(27, INT32_MAX);
  manifest.relaxed = field["relaxed"].flag();
  for (const Field& item : field["inputs"].items(limits::kResults)) {
    manifest.inputs.push_back(TensorSpec::parse(item, &names));
  }
  if (const auto states = field.find("state")) {
    if (role == Role::kVariant || field.find("variants") || !manifest.sizes.empty()) {
      throw states->refuse("what a manifest without free sizes may have");
    }
    std::set<std::string> known;
    for (const Field& item : states->items(limits::kResults)) {
      manifest.states.push_back(StateSpec::parse(item));
      if (!known.insert(manifest.states.back().tensor.name).second) {
        throw item.refuse("a state of another name than those before");
      }
    }
  }
  const auto returned = std::count_if(manifest.results.begin(), manifest.results.end(),
                                      [](const Result& one) { return !one.into; });
  manifest.output_tree = OutputTree::parse(field["output_tree"], static_cast<size_t>(returned));
  if (const auto constants = field.find("constants")) {
    for (const auto& [name, item] : constants->members(limits::kValues)) {
      manifest.constants.emplace(name, parse_constant(item));
    }
  }
  manifest.pieces = PieceParser(names).parse(field["stages"]);
  if (const auto cpu = field.find("cpu")) manifest.cpu = TorchSpec::parse(*cpu);
  if (const auto relations = field.find("relations")) {
    for (const Field& item : relations->items(limits::kValues)) {
      manifest.relations.push_back(Relation::parse(item, names));
    }
  }
  if (const auto variants = field.find("variants")) {
    if (role == Role::kVariant) throw variants->refuse("what the manifest of a variant may have");
    for (const Field& item : variants->items(limits::kVariants)) {
      manifest.variants.push_back(parse_variant(item, names));
      manifest.variants.back().manifest =
          std::make_shared<const Manifest>(parse(item["manifest"], Role::kVariant));
    }
  }
  check_names(manifest, field.place());
  check_sizes(manifest);
  return manifest;
}

std::vector<int64_t> example_shape(const Manifest& manifest, size_t i) {
  if (!manifest.variants.empty()) {
    const Manifest& inner = *manifest.variants.front().manifest;
    if (i < inner.inputs.size()) return example_shape(inner, i);
  }
  const TensorSpec& input = manifest.inputs[i];
  if (input.dims) {
    KnownSizes sizes{&manifest.size_names, {}};
    for (const Size& size : manifest.sizes) sizes.numbers.emplace_back(size.example);
    return shape_at(*input.dims, sizes);
  }
  std::vector<int64_t> shape = input.shape;
  for (int64_t& dim : shape) dim = dim < 0 ? 1 : dim;
  return shape;
}

std::vector<std::vector<int64_t>> shapes_at(const Manifest& manifest, const KnownSizes& sizes) {
  for (const Relation& relation : manifest.relations) relation.check(sizes);
  std::vector<std::vector<int64_t>> shapes;
  for (const TensorSpec& input : manifest.inputs) {
    shapes.push_back(input.dims ? shape_at(*input.dims, sizes) : input.shape);
  }
  return shapes;
}

namespace {

void add_external_programs(std::span<const PieceSpec> pieces, std::set<std::string>& programs) {
  for (const PieceSpec& piece : pieces) {
    if (const auto* torch = std::get_if<TorchSpec>(&piece)) programs.insert(torch->program);
    const auto* control = std::get_if<ControlSpec>(&piece);
    if (control == nullptr) continue;
    for (const BranchSpec& branch : control->branches) {
      add_external_programs(branch.pieces, programs);
    }
  }
}

std::set<std::string> external_program_names(const Manifest& manifest) {
  std::set<std::string> programs;
  add_external_programs(manifest.pieces, programs);
  for (const Variant& variant : manifest.variants) {
    add_external_programs(variant.manifest->pieces, programs);
  }
  for (const MethodSpec& method : manifest.methods) {
    for (const auto& one : method.manifests) programs.merge(external_program_names(*one));
  }
  return programs;
}

}  // namespace

std::vector<std::string> external_programs(const Manifest& manifest) {
  const std::set<std::string> programs = external_program_names(manifest);
  return {programs.begin(), programs.end()};
}

}  // namespace nnapi::session
