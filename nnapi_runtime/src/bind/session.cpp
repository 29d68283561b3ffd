#include "bind/session.h"

#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <filesystem>

#include "bind/artifact.h"
#include "bind/bound.h"
#include "bind/gil.h"
#include "bind/python_values.h"
#include "bind/torch_exchange.h"
#include "bind/torch_runner.h"
#include "loader/error.h"
#include "session/session.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace nnapi::bind {
namespace {

using loader::ArgumentError;
using session::OutputTree;
using session::Result;
using session::Value;

// "(2, None)".
nb::tuple shape_of(std::span<const int64_t> shape) {
  nb::list dims;
  for (const int64_t dim : shape) dims.append(dim < 0 ? nb::none() : nb::object(nb::int_(dim)));
  return nb::tuple(dims);
}

nb::object key_of(const OutputTree::Key& key) {
  if (const auto* text = std::get_if<std::string>(&key))
    return nb::str(text->c_str(), text->size());
  return nb::int_(std::get<int64_t>(key));
}

// Puts flat results together again.
nb::object built(const OutputTree& tree, nb::handle* leaves, size_t& next) {
  switch (tree.kind) {
    case OutputTree::Kind::kLeaf:
      return nb::borrow(leaves[next++]);
    case OutputTree::Kind::kNone:
      return nb::none();
    case OutputTree::Kind::kDict: {
      nb::dict members;
      for (size_t i = 0; i < tree.children.size(); ++i) {
        members[key_of(tree.keys[i])] = built(tree.children[i], leaves, next);
      }
      return members;
    }
    default:
      break;
  }
  nb::list items;
  for (const OutputTree& child : tree.children) items.append(built(child, leaves, next));
  if (tree.kind == OutputTree::Kind::kNamed) {
    nb::list keys;
    for (const OutputTree::Key& key : tree.keys) keys.append(key_of(key));
    const nb::str name(tree.name.c_str(), tree.name.size());
    return nb::module_::import_("nnapi_runtime.named_results").attr("record")(name, keys, items);
  }
  return tree.kind == OutputTree::Kind::kTuple ? nb::object(nb::tuple(items)) : items;
}

nb::object number_of(const Value& value, Result::Number number) {
  double real = 0.0;
  int64_t whole = 0;
  const bool is_float = session::element_of(value.dtype).kind == loader::ElementKind::kFloat;
  if (is_float) {
    convert(value.data, value.dtype, reinterpret_cast<std::byte*>(&real), session::DType::kFloat64,
            1);
    whole = static_cast<int64_t>(real);
  } else if (value.dtype == session::DType::kBool) {
    whole = *value.data != std::byte{0};
    real = static_cast<double>(whole);
  } else {
    convert(value.data, value.dtype, reinterpret_cast<std::byte*>(&whole), session::DType::kInt64,
            1);
    real = static_cast<double>(whole);
  }
  if (number == Result::Number::kFloat) return nb::float_(real);
  if (number == Result::Number::kBool) return nb::bool_(is_float ? real != 0.0 : whole != 0);
  return nb::int_(whole);
}

class Session {
 public:
  Session(std::shared_ptr<session::Artifact> artifact, const session::Options& options,
          nb::object prepare, nb::object fell_back)
      : artifact_(std::move(artifact)) {
    std::shared_ptr<session::PieceRunner> runner;
    if (!prepare.is_none()) runner = std::make_shared<TorchRunner>(std::move(prepare));
    const auto told = PythonObject::owned(std::move(fell_back));
    const GilReleased unlocked;
    session_ = std::make_shared<session::Session>(artifact_, options, std::move(runner),
                                                  [told](const std::string& why) {
                                                    const GilAcquired locked;
                                                    nb::borrow(told->object())(why);
                                                  });
  }

  Session fork() const {
    const GilReleased unlocked;
    return {artifact_, session_->fork()};
  }

  Session method(const std::string& name) const { return {artifact_, session_->method(name)}; }

  void reset() {
    const GilReleased unlocked;
    session_->reset();
  }

  nb::object state(const std::string& name) const {
    Value value;
    const size_t i = state_index(name);
    {
      const GilReleased unlocked;
      value = session_->state(i);
    }
    return new_array(value);
  }

  void set_state(const std::string& name, nb::handle given) {
    ValueReader reader;
    const size_t i = state_index(name);
    const Value value = reader.read(given, "the state '" + name + "'");
    const GilReleased unlocked;
    session_->set_state(i, value);
  }

  // Arrays and tensors in flat arguments; nested ones are for `flatten`.
  nb::object call(nb::args args) {
    ValueReader reader;
    const nb::object given = flat(args);
    auto values = read(reader, given);
    session::Results results;
    {
      const GilReleased unlocked;
      results = session_->run(std::move(values));
    }
    // Where there are no arguments to be like: what whoever has torch expects of a model.
    const bool alone = nb::len(given) == 0 && has_torch();
    return returned(results, given, reader.saw_tensor() || alone);
  }

  std::vector<session::Cost> profile(nb::args args) {
    ValueReader reader;
    const nb::object given = flat(args);
    auto values = read(reader, given);
    const GilReleased unlocked;
    return session_->profile(std::move(values));
  }

  std::shared_ptr<session::Session> loaded() const { return session_; }
  const session::Manifest& manifest() const { return session_->manifest(); }
  const std::vector<session::StateSpec>& states() const { return artifact_->manifest.states; }

 private:
  Session(std::shared_ptr<session::Artifact> artifact, std::shared_ptr<session::Session> session)
      : artifact_(std::move(artifact)), session_(std::move(session)) {}

  size_t state_index(const std::string& name) const {
    for (size_t i = 0; i < states().size(); ++i) {
      if (states()[i].tensor.name == name) return i;
    }
    throw nb::key_error(name.c_str());
  }

  static nb::object flat(const nb::args& args) {
    for (nb::handle one : args) {
      if (!is_array(one) && !is_tensor(one)) {
        return nb::list(nb::module_::import_("nnapi_runtime.tensors").attr("flatten")(args));
      }
    }
    return args;
  }

  std::vector<Value> read(ValueReader& reader, nb::handle given) const {
    std::vector<Value> values;
    const auto& inputs = manifest().inputs;
    for (nb::handle one : nb::borrow<nb::sequence>(given)) {
      const size_t i = values.size();
      values.push_back(
          reader.read(one, i < inputs.size() ? "input '" + inputs[i].name + "'" : "an argument"));
    }
    return values;
  }

  nb::object returned(const session::Results& results, nb::handle given, bool as_tensors) const {
    std::vector<nb::object> objects;
    bool writes = false;
    for (size_t i = 0; i < results.size(); ++i) {
      const Result& said = manifest().results[i];
      writes = writes || said.into;
      if (!results[i]) {
        objects.push_back(nb::none());
      } else if (said.number != Result::Number::kNone) {
        objects.push_back(number_of(*results[i], said.number));
      } else {
        objects.push_back(to_python(*results[i], as_tensors));
      }
    }
    if (writes) objects = written(std::move(objects), given);
    std::vector<nb::handle> leaves(objects.begin(), objects.end());
    size_t next = 0;
    return built(manifest().output_tree, leaves.data(), next);
  }

  // The results that are returned, after the others are written into their arguments.
  std::vector<nb::object> written(std::vector<nb::object> results, nb::handle given) const {
    const nb::object tensors = nb::module_::import_("nnapi_runtime.tensors");
    // A result may be an argument, or a view of it, as it was.
    for (nb::object& result : results) result = tensors.attr("copied")(result);
    std::vector<nb::object> left;
    for (size_t i = 0; i < results.size(); ++i) {
      const auto& into = manifest().results[i].into;
      if (!into) {
        left.push_back(results[i]);
        continue;
      }
      for (size_t input = 0; input < manifest().inputs.size(); ++input) {
        if (manifest().inputs[input].name != *into) continue;
        tensors.attr("write")(given[input], results[i], *into);
      }
    }
    return left;
  }

  std::shared_ptr<session::Artifact> artifact_;
  std::shared_ptr<session::Session> session_;
};

}  // namespace

void bind_session(nb::module_& m) {
  nb::class_<session::Origin>(
      m, "Origin", "The torch node that an NNAPI operation came from, and where it was written.")
      .def_ro("node", &session::Origin::node)
      .def_ro("target", &session::Origin::target)
      .def_ro("source", &session::Origin::source)
      .def("__str__", &session::Origin::text);

  nb::class_<session::Cost>(m, "Cost", "What one NNAPI operation, or a whole torch piece, took.")
      .def_ro("origin", &session::Cost::origin)
      .def_ro("code", &session::Cost::code, "NNAPI's operation code; None for torch.")
      .def_ro("nanoseconds", &session::Cost::nanoseconds);

  nb::class_<session::Placement>(m, "Placement",
                                 "Where an NNAPI operation, or a whole torch piece, runs.")
      .def_ro("origin", &session::Placement::origin)
      .def_ro("code", &session::Placement::code, "NNAPI's operation code; None for torch.")
      .def_ro("library", &session::Placement::library, "The path of the library; or \"torch\".")
      .def_ro("reason", &session::Placement::reason,
              "Why not where it was meant to run; empty: it does.");

  nb::class_<session::TensorSpec>(m, "TensorSpec", "A tensor that the caller gives or gets.")
      .def_ro("name", &session::TensorSpec::name)
      .def_prop_ro("dtype", [](const session::TensorSpec& s) { return session::name_of(s.dtype); })
      .def_prop_ro(
          "shape", [](const session::TensorSpec& s) { return shape_of(s.shape); },
          nb::sig("def shape(self, /) -> tuple[int | None, ...]"), "None is any size.");

  bind_bound(m);

  nb::class_<Session>(m, "Session", "A converted model, ready to be called; threads may share it.")
      .def(
          "__init__",
          [](Session* self, std::shared_ptr<session::Artifact> artifact, nb::object prepare,
             nb::object fell_back, const std::optional<std::filesystem::path>& library,
             std::vector<std::string> devices, uint32_t num_threads, uint64_t loop_timeout,
             uint64_t timeout, uint64_t memory_limit,
             const std::optional<std::filesystem::path>& cache_dir, const std::string& fallback,
             const std::optional<std::filesystem::path>& check_file, uint64_t check_timeout) {
            session::Options options;
            if (library) options.library = library->string();
            options.devices = std::move(devices);
            options.num_threads = num_threads;
            options.loop_timeout = loop_timeout;
            options.timeout = timeout;
            options.memory_limit = memory_limit;
            if (cache_dir) options.cache_directory = std::filesystem::absolute(*cache_dir);
            options.fallback = fallback == "host"    ? session::Fallback::kHost
                               : fallback == "torch" ? session::Fallback::kTorch
                                                     : session::Fallback::kNone;
            if (check_file) {
              options.driver_check.wanted = true;
              options.driver_check.file = std::filesystem::absolute(*check_file);
              if (check_timeout != 0) options.driver_check.timeout = check_timeout;
            }
            new (self)
                Session(std::move(artifact), options, std::move(prepare), std::move(fell_back));
          },
          "artifact"_a, "prepare"_a.none(), "fell_back"_a, nb::kw_only(), "library"_a = nb::none(),
          "devices"_a = std::vector<std::string>(), "num_threads"_a = 0,
          "loop_timeout"_a = uint64_t{0}, "timeout"_a = uint64_t{0}, "memory_limit"_a = uint64_t{0},
          "cache_dir"_a = nb::none(), "fallback"_a = "torch", "check_file"_a = nb::none(),
          "check_timeout"_a = uint64_t{0})
      .def("__call__", &Session::call)
      .def("profile", &Session::profile)
      .def("fork", &Session::fork)
      .def_prop_ro("methods", [](const Session& s) { return s.loaded()->methods(); })
      .def("method", &Session::method, "name"_a)
      .def("reset", &Session::reset)
      .def("state", &Session::state, "name"_a)
      .def("set_state", &Session::set_state, "name"_a, "value"_a)
      .def_prop_ro("states",
                   [](const Session& s) {
                     std::vector<session::TensorSpec> specs;
                     for (const session::StateSpec& one : s.states()) {
                       specs.push_back(one.tensor);
                     }
                     return specs;
                   })
      .def("bound", [](const Session& s) { return Bound(s.loaded()); })
      .def_prop_ro("fallback", [](const Session& s) { return s.loaded()->fallback(); })
      .def_prop_ro("placements", [](const Session& s) { return s.loaded()->placements(); })
      .def_prop_ro("feature_level",
                   [](const Session& s) { return s.loaded()->artifact().manifest.feature_level; })
      .def_prop_ro("inputs", [](const Session& s) { return s.manifest().inputs; })
      .def_prop_ro("outputs",
                   [](const Session& s) {
                     std::vector<session::TensorSpec> specs;
                     for (const Result& result : s.manifest().results) {
                       if (result.spec) specs.push_back(*result.spec);
                     }
                     return specs;
                   })
      .def_prop_ro("example_shapes", [](const Session& s) {
        nb::list shapes;
        for (size_t i = 0; i < s.manifest().inputs.size(); ++i) {
          shapes.append(shape_of(session::example_shape(s.manifest(), i)));
        }
        return shapes;
      });

  m.def(
      "artifact_of_parts",
      [](const std::string& manifest, nb::dict models, nb::sequence weights, nb::iterable programs,
         const std::string& name) {
        return std::const_pointer_cast<session::Artifact>(
            artifact_of_parts(manifest, models, weights, programs, name));
      },
      "manifest"_a, "models"_a, "weights"_a, "programs"_a, "name"_a);
}

}  // namespace nnapi::bind
