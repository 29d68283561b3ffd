#include "bind/artifact.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bind/arrays.h"
#include "bind/gil.h"
#include "bind/python_values.h"
#include "loader/error.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace nnapi::bind {
namespace {

using session::Artifact;
using session::Document;
using session::Json;
using session::JsonKind;
using SharedArtifact = std::shared_ptr<Artifact>;

nb::object plain(const Document& document, const Json& value) {
  switch (value.kind) {
    case JsonKind::kNull:
      return nb::none();
    case JsonKind::kFlag:
      return nb::bool_(value.flag);
    case JsonKind::kInteger:
      return nb::int_(value.integer);
    case JsonKind::kNumber:
      return nb::float_(value.number);
    case JsonKind::kHuge: {
      const std::string text(document.text(value));
      return nb::steal(PyLong_FromString(text.c_str(), nullptr, 10));
    }
    case JsonKind::kText: {
      const std::string_view text = document.text(value);
      return nb::str(text.data(), text.size());
    }
    case JsonKind::kList: {
      nb::list list;
      for (const Json& item : document.items(value)) list.append(plain(document, item));
      return list;
    }
    case JsonKind::kObject:
      break;
  }
  nb::dict members;
  const auto parts = document.members(value);
  for (size_t i = 0; i < parts.size(); i += 2) {
    members[plain(document, parts[i])] = plain(document, parts[i + 1]);
  }
  return members;
}

// A view of the file; nobody is to write into it.
nb::object array_of(const SharedArtifact& artifact, std::span<const std::byte> bytes,
                    session::DType dtype, std::vector<int64_t> shape) {
  session::Value value;
  value.dtype = dtype;
  value.shape = std::move(shape);
  value.strides = session::contiguous_strides(value.shape);
  value.data = bytes.data();
  value.owner = artifact;
  nb::object array = new_array(value);
  array.attr("flags").attr("writeable") = false;
  return array;
}

nb::dict arrays_of(const SharedArtifact& artifact,
                   const std::map<std::string, std::span<const std::byte>, std::less<>>& parts) {
  nb::dict arrays;
  for (const auto& [name, bytes] : parts) {
    arrays[nb::str(name.c_str(), name.size())] =
        array_of(artifact, bytes, session::DType::kUint8, {static_cast<int64_t>(bytes.size())});
  }
  return arrays;
}

// Python's buffers, let go with the GIL.
struct HeldBuffers {
  std::vector<Buffer> buffers;
  std::vector<std::vector<std::byte>> aligned;

  ~HeldBuffers() {
    const GilAcquired locked;
    buffers.clear();
  }
};

nb::tuple tree_of(const Artifact& artifact, const session::Field& manifest,
                  const session::Manifest& parsed) {
  const auto tree = manifest.find("input_tree");
  if (tree && !tree->is_list()) throw tree->refuse("a list");
  const nb::object made = tree ? plain(artifact.document, tree->value()) : nb::object(nb::none());
  return nb::make_tuple(made, parsed.inputs.size());
}

}  // namespace

std::shared_ptr<const Artifact> artifact_of_parts(const std::string& manifest, nb::dict models,
                                                  nb::sequence weights, nb::iterable programs,
                                                  const std::string& name) {
  auto artifact = std::make_shared<Artifact>();
  artifact->name = name;
  session::reading_json([&] {
    artifact->document = Document::parse(manifest, "the manifest");
    const session::Field field(artifact->document, artifact->document.root(), "manifest");
    artifact->manifest = session::Manifest::parse(field);
    if (const auto sums = field.find("checksums")) {
      for (const auto& [key, sum] : sums->members()) {
        artifact->identity += key + " " + sum.text() + "\n";
      }
    }
  });
  const auto held = std::make_shared<HeldBuffers>();
  held->buffers.reserve(nb::len(models) + nb::len(weights));
  for (const auto& [key, words] : models) {
    held->buffers.emplace_back(words, "model words");
    std::span<const std::byte> bytes = held->buffers.back().bytes();
    if (reinterpret_cast<uintptr_t>(bytes.data()) % 4 != 0) {
      bytes = held->aligned.emplace_back(bytes.begin(), bytes.end());
    }
    artifact->models.emplace(nb::cast<std::string>(key), bytes);
  }
  for (nb::handle weight : weights) {
    const std::string which = numbered("weight", artifact->weights.size());
    held->buffers.emplace_back(weight, which.c_str());
    const Buffer& buffer = held->buffers.back();
    const auto dtype = session::dtype_of(buffer.element());
    session::StoredTensor tensor{dtype.value_or(session::DType::kUint8), {}, buffer.bytes()};
    tensor.shape.assign(buffer.shape().begin(), buffer.shape().end());
    if (!dtype) tensor.shape = {static_cast<int64_t>(tensor.bytes.size())};
    artifact->weights.push_back(std::move(tensor));
  }
  for (nb::handle program : programs) {
    artifact->programs.emplace(nb::cast<std::string>(program), std::span<const std::byte>());
  }
  artifact->owners.push_back(held);
  return artifact;
}

void bind_artifact(nb::module_& module) {
  nb::class_<Artifact>(module, "Artifact", "The parts of a .nnapi file, checked.")
      .def_prop_ro("name", [](const Artifact& one) { return one.name; })
      .def_prop_ro(
          "manifest", [](const Artifact& one) { return plain(one.document, one.document.root()); },
          nb::sig("def manifest(self, /) -> dict[str, typing.Any]"),
          "The JSON document (docs/file_format.md), new each time.")
      .def_prop_ro(
          "input_trees",
          [](const Artifact& one) {
            return session::reading_json([&] {
              const session::Field root(one.document, one.document.root(), "manifest");
              nb::dict trees;
              if (one.manifest.methods.empty()) {
                trees["forward"] = tree_of(one, root, one.manifest);
                return trees;
              }
              const auto listed = root["methods"].items();
              for (size_t i = 0; i < listed.size(); ++i) {
                const session::MethodSpec& method = one.manifest.methods[i];
                const session::Field first = listed[i]["manifests"].items().front();
                trees[method.name.c_str()] = tree_of(one, first, *method.manifests.front());
              }
              return trees;
            });
          },
          nb::sig("def input_trees(self, /) -> dict[str, tuple[typing.Any, int]]"),
          "By method: the document's `input_tree`, None where it has none; and how many inputs "
          "there are.")
      .def_prop_ro(
          "models", [](const SharedArtifact& one) { return arrays_of(one, one->models); },
          "Model words by name. All arrays are views of the map, which lives as long as they.")
      .def_prop_ro(
          "programs", [](const SharedArtifact& one) { return arrays_of(one, one->programs); },
          "Torch programs by name, as text.")
      .def_prop_ro(
          "external_programs",
          [](const Artifact& one) { return session::external_programs(one.manifest); },
          "The torch programs that the model runs even where NNAPI takes all that it can.")
      .def(
          "shapes_at",
          [](const Artifact& one, const nb::dict& given) {
            session::KnownSizes sizes{&one.manifest.size_names, {}};
            sizes.numbers.resize(one.manifest.sizes.size());
            for (const auto& [name, number] : given) {
              const auto index = one.manifest.size_names.index(nb::cast<std::string>(name));
              if (index) sizes.numbers[*index] = nb::cast<int64_t>(number);
            }
            nb::list shapes;
            for (const auto& shape : session::shapes_at(one.manifest, sizes)) {
              nb::list dims;
              for (const int64_t dim : shape) {
                dims.append(dim < 0 ? nb::none() : nb::object(nb::int_(dim)));
              }
              shapes.append(nb::tuple(dims));
            }
            return shapes;
          },
          "sizes"_a,
          "The shapes of all inputs at these free sizes. Raises `ArgumentError` where they do not "
          "go "
          "together.")
      .def_prop_ro(
          "weights",
          [](const SharedArtifact& one) {
            nb::list weights;
            for (const session::StoredTensor& weight : one->weights) {
              weights.append(array_of(one, weight.bytes, weight.dtype, weight.shape));
            }
            return weights;
          },
          "The numbered weights.");
  module.def(
      "read_artifact",
      [](const std::string& path) {
        const GilReleased unlocked;
        return std::const_pointer_cast<Artifact>(Artifact::read(session::Bytes::map(path), path));
      },
      "path"_a, "Maps and checks a .nnapi file. Raises `ModelError`, which names the file.");
}

}  // namespace nnapi::bind
