// nnapi_runtime._loader: the executor in Python. Arrays come and go without being copied, and the
// GIL is released while the library works.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bind/buffer.h"
#include "loader/bound_run.h"
#include "loader/error.h"
#include "loader/executor.h"
#include "machine/peak.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace nnapi::bind {
namespace {

using loader::ArgumentError;
using loader::Border;
using loader::ConstArray;
using loader::Element;
using loader::ElementKind;

using Dims = std::vector<std::vector<uint32_t>>;

std::string numbered(const char* noun, size_t number) {
  return std::string(noun) + " " + std::to_string(number);
}

nb::dlpack::dtype dtype_of(Element element) {
  using Code = nb::dlpack::dtype_code;
  Code code = Code::Float;
  if (element.kind == ElementKind::kInt) code = Code::Int;
  if (element.kind == ElementKind::kUint) code = Code::UInt;
  if (element.kind == ElementKind::kBool) code = Code::Bool;
  return {static_cast<uint8_t>(code), static_cast<uint8_t>(8 * element.size), 1};
}

// The model's view of an input or output: shape with None where free, or None altogether.
nb::object shape_of(const Border& border) {
  if (border.any_rank) return nb::none();
  nb::list shape;
  for (uint32_t dim : border.dims) {
    if (dim == 0) {
      shape.append(nb::none());
    } else {
      shape.append(dim);
    }
  }
  return nb::tuple(shape);
}

ConstArray array_of(const Buffer& buffer, size_t i) {
  ConstArray array{buffer.data(), buffer.element(), {}};
  for (Py_ssize_t dim : buffer.shape()) {
    if (static_cast<uint64_t>(dim) > std::numeric_limits<uint32_t>::max()) {
      throw ArgumentError(numbered("input", i) + " has a dimension of 2^32 or more");
    }
    array.dims.push_back(static_cast<uint32_t>(dim));
  }
  if (array.element.size > 1 && reinterpret_cast<uintptr_t>(array.data) % array.element.size != 0) {
    throw ArgumentError(numbered("input", i) + " is not aligned to its elements");
  }
  return array;
}

// Memory for outputs, aligned for any vector instruction.
using Memory = std::unique_ptr<void, void (*)(void*)>;

Memory allocate(size_t i, size_t bytes) {
  Memory memory(std::aligned_alloc(64, (bytes + 64) / 64 * 64), std::free);
  if (memory == nullptr) {
    throw loader::CallError(ANEURALNETWORKS_OUT_OF_MEMORY, "aligned_alloc", {},
                            "there is no memory for the " + std::to_string(bytes) + " bytes of " +
                                numbered("output", i));
  }
  return memory;
}

nb::object to_numpy(Memory memory, Element element, const std::vector<uint32_t>& dims) {
  const std::vector<size_t> shape(dims.begin(), dims.end());
  void* data = memory.get();
  nb::capsule owner(data, [](void* p) noexcept { std::free(p); });
  memory.release();
  nb::ndarray<nb::numpy> array(data, shape.size(), shape.data(), owner, nullptr, dtype_of(element));
  return nb::cast(array);
}

// A directory, and a token of 32 bytes.
using Cache = std::pair<std::filesystem::path, nb::bytes>;

void set_cache(const Cache& cache, loader::Options& options) {
  if (cache.second.size() != options.cache_token.size()) {
    throw ArgumentError("a cache token has " + std::to_string(options.cache_token.size()) +
                        " bytes, not " + std::to_string(cache.second.size()));
  }
  options.cache_directory = cache.first.string();
  std::memcpy(options.cache_token.data(), cache.second.c_str(), options.cache_token.size());
}

class Executor {
 public:
  Executor(nb::handle words, nb::sequence buffers,
           const std::optional<std::filesystem::path>& library, bool relaxed, uint32_t num_threads,
           uint64_t loop_timeout, int32_t preference, const std::optional<Cache>& cache)
      : words_(words, "model words") {
    std::vector<std::span<const std::byte>> weights;
    for (nb::handle buffer : buffers) {
      weights_.emplace_back(buffer, numbered("weight", weights_.size()).c_str());
      weights.push_back(weights_.back().bytes());
    }
    std::span<const std::byte> bytes = words_.bytes();
    if (reinterpret_cast<uintptr_t>(bytes.data()) % 4 != 0) {
      aligned_words_.assign(bytes.begin(), bytes.end());
      bytes = aligned_words_;
    }
    const std::string path = library ? library->string() : loader::Library::default_path();
    loader::Options options{relaxed, preference, num_threads, loop_timeout, {}, {}};
    if (cache) set_cache(*cache, options);
    const nb::gil_scoped_release unlocked;
    executor_.emplace(loader::Library::open(path), bytes, weights, options);
  }

  nb::list run(nb::sequence inputs, const std::optional<nb::sequence>& outputs) {
    const Arguments arguments(inputs);
    std::vector<Buffer> given;
    if (outputs) given = given_outputs(*outputs);
    std::vector<Memory> memory = no_memory();
    Dims dims;
    {
      const nb::gil_scoped_release unlocked;
      dims = executor_->run(arguments.arrays, [&](size_t i, size_t bytes) {
        if (outputs) return given[i].data();
        memory[i] = allocate(i, bytes);
        return memory[i].get();
      });
    }
    nb::list results;
    for (size_t i = 0; i < dims.size(); ++i) {
      results.append(outputs ? nb::object((*outputs)[i])
                             : to_numpy(std::move(memory[i]), border(i).element, dims[i]));
    }
    return results;
  }

  std::vector<uint64_t> profile(nb::sequence inputs) {
    const Arguments arguments(inputs);
    std::vector<Memory> memory = no_memory();
    const nb::gil_scoped_release unlocked;
    return executor_->profile(arguments.arrays, [&](size_t i, size_t bytes) {
      memory[i] = allocate(i, bytes);
      return memory[i].get();
    });
  }

  const loader::Executor& loaded() const { return *executor_; }

  // Inputs of one run, held while it lasts.
  struct Arguments {
    explicit Arguments(nb::sequence inputs) {
      for (nb::handle input : inputs) {
        const size_t i = arrays.size();
        if (input.is_none()) {
          arrays.emplace_back();
        } else {
          held.emplace_back(input, numbered("input", i).c_str());
          arrays.push_back(array_of(held.back(), i));
        }
      }
    }
    std::vector<Buffer> held;
    std::vector<ConstArray> arrays;
  };

  std::vector<Buffer> given_outputs(nb::sequence outputs) const {
    std::vector<Buffer> given;
    if (nb::len(outputs) != executor_->outputs().size()) {
      throw ArgumentError("the model has " + std::to_string(executor_->outputs().size()) +
                          " outputs, not " + std::to_string(nb::len(outputs)));
    }
    for (nb::handle output : outputs) {
      const size_t i = given.size();
      const std::string which = numbered("output", i);
      if (!border(i).known()) {
        throw ArgumentError(which + " has no fixed shape, so it cannot be written into an array");
      }
      given.emplace_back(output, which.c_str(), true);
      if (!given[i].element().same_data(border(i).element) ||
          !std::equal(given[i].shape().begin(), given[i].shape().end(), border(i).dims.begin(),
                      border(i).dims.end())) {
        throw ArgumentError(which + " must be an array of " + dtype_name(border(i).element) + " " +
                            nb::str(shape_of(border(i))).c_str());
      }
    }
    return given;
  }

  std::vector<Border> inputs() const {
    return {executor_->inputs().begin(), executor_->inputs().end()};
  }
  std::vector<Border> outputs() const {
    return {executor_->outputs().begin(), executor_->outputs().end()};
  }
  std::vector<int32_t> operations() const {
    return {executor_->operations().begin(), executor_->operations().end()};
  }
  std::filesystem::path library() const { return executor_->library().path(); }

 private:
  const Border& border(size_t i) const { return executor_->outputs()[i]; }

  std::vector<Memory> no_memory() const {
    std::vector<Memory> memory;
    for (size_t i = 0; i < executor_->outputs().size(); ++i)
      memory.emplace_back(nullptr, std::free);
    return memory;
  }

  Buffer words_;
  std::vector<std::byte> aligned_words_;
  std::vector<Buffer> weights_;
  std::optional<loader::Executor> executor_;
};

// Arrays that stay bound to an executor, and the executor itself, which Python keeps alive.
class BoundRun {
 public:
  BoundRun(const Executor& executor, nb::sequence inputs, nb::sequence outputs)
      : arguments_(inputs), outputs_(executor.given_outputs(outputs)) {
    std::vector<void*> places;
    for (const Buffer& output : outputs_) places.push_back(output.data());
    run_.emplace(executor.loaded(), arguments_.arrays, places);
  }

  void operator()() {
    const nb::gil_scoped_release unlocked;
    const std::lock_guard alone(mutex_);
    run_->compute();
  }

 private:
  Executor::Arguments arguments_;
  std::vector<Buffer> outputs_;
  std::mutex mutex_;
  std::optional<loader::BoundRun> run_;
};

// Exceptions become those of nnapi_runtime.errors.
void raise(const char* name, const char* text, nb::kwargs details = {}) {
  nb::object type = nb::module_::import_("nnapi_runtime.errors").attr(name);
  nb::object error = type(text, **details);
  PyErr_SetObject(type.ptr(), error.ptr());
}

void translate(const std::exception_ptr& error, void*) {
  try {
    std::rethrow_exception(error);
  } catch (const loader::LibraryError& e) {
    raise("LibraryError", e.what());
  } catch (const loader::WordsError& e) {
    raise("ModelError", e.what());
  } catch (const loader::ArgumentError& e) {
    raise("ArgumentError", e.what());
  } catch (const loader::CallError& e) {
    nb::dict details;
    details["code"] = loader::code_name(e.code);
    details["call"] = e.call;
    if (e.operation) details["operation"] = *e.operation;
    raise("NnapiError", e.what(), nb::borrow<nb::kwargs>(details));
  }
}

}  // namespace

NB_MODULE(_loader, m) {
  m.doc() = "Runs model words on any libneuralnetworks.so.";
  nb::register_exception_translator(translate);

  m.def(
      "host_library", [] { return std::filesystem::path(loader::Library::host_path()); },
      "Path of the NNAPI library that nnapi_runtime brings along.");
  m.def(
      "default_library", [] { return std::filesystem::path(loader::Library::default_path()); },
      "What is used where no library is named: $NNAPI_LIBRARY, else host_library().");

  m.def(
      "measure_peaks",
      [](int threads) {
        std::vector<std::tuple<const char*, std::string, double>> peaks;
        for (machine::Peak& peak : machine::measure_peaks(threads)) {
          const bool is_float = peak.arithmetic == machine::Arithmetic::kFloat32;
          peaks.emplace_back(is_float ? "float32" : "int8", std::move(peak.instructions),
                             peak.operations_per_second);
        }
        return peaks;
      },
      "threads"_a, nb::call_guard<nb::gil_scoped_release>(),
      "(arithmetic, instructions, operations a second) of each way to multiply and accumulate.");
  m.def("time_fixed_work", &machine::time_fixed_work, "threads"_a,
        nb::call_guard<nb::gil_scoped_release>(),
        "Seconds that a small fixed amount of arithmetic takes on each of the threads at once.");
  m.def("read_bandwidth", &machine::read_bandwidth, "bytes"_a,
        nb::call_guard<nb::gil_scoped_release>(),
        "Bytes a second that one thread reads of an array of that size.");

  nb::class_<Border>(m, "Border", "What a model says about an input or output.")
      .def_ro("type", &Border::type, "NNAPI's operand type code.")
      .def_prop_ro(
          "dtype", [](const Border& b) { return dtype_name(b.element); }, "The numpy dtype's name.")
      .def_prop_ro("shape", shape_of,
                   nb::sig("def shape(self, /) -> tuple[int | None, ...] | None"),
                   "None is a free dimension; None altogether: even the rank is free.")
      .def_ro("scale", &Border::scale)
      .def_ro("zero_point", &Border::zero_point);

  nb::class_<BoundRun>(
      m, "BoundRun",
      "A computation whose arrays stay where they are. Calling it reads the inputs "
      "and writes the\n"
      "outputs; threads take turns.")
      .def(nb::init<const Executor&, nb::sequence, nb::sequence>(), "executor"_a, "inputs"_a,
           "outputs"_a, nb::keep_alive<1, 2>())
      .def("__call__", &BoundRun::operator());

  nb::class_<Executor>(
      m, "Executor",
      "A model compiled by an NNAPI library, ready to run; threads may share it.\n\n"
      "`words` are model words (docs/file_format.md) and `buffers` its numbered\n"
      "weights: anything with the buffer protocol, read-only maps included. Nothing\n"
      "is copied, so they must not change. `num_threads` 0 leaves it to the library;\n"
      "`loop_timeout` is in nanoseconds, 0 for NNAPI's default.")
      .def(nb::init<nb::handle, nb::sequence, const std::optional<std::filesystem::path>&, bool,
                    uint32_t, uint64_t, int32_t, const std::optional<Cache>&>(),
           "words"_a, "buffers"_a, nb::kw_only(), "library"_a = nb::none(), "relaxed"_a = false,
           "num_threads"_a = 0, "loop_timeout"_a = uint64_t{0},
           "preference"_a = int32_t{ANEURALNETWORKS_PREFER_SUSTAINED_SPEED}, "cache"_a = nb::none())
      .def(
          "run", &Executor::run, "inputs"_a, "outputs"_a = nb::none(),
          "Computes once. Inputs are C-contiguous arrays, or None for an optional input that is "
          "not\n"
          "given. Results are new numpy arrays; or `outputs`, written into, where those are given.")
      .def("profile", &Executor::profile, "inputs"_a,
           "Nanoseconds that each operation takes in one computation.")
      .def_prop_ro("inputs", &Executor::inputs)
      .def_prop_ro("outputs", &Executor::outputs)
      .def_prop_ro("operations", &Executor::operations,
                   "NNAPI's codes of the operations, in order.")
      .def_prop_ro("library", &Executor::library, "Path of the library in use.");
}

}  // namespace nnapi::bind
