// nnapi_runtime._loader: the executor in Python, and what measures the machine.
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <filesystem>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bind/artifact.h"
#include "bind/executor.h"
#include "bind/gil.h"
#include "bind/session.h"
#include "loader/devices.h"
#include "machine/peak.h"

using namespace nanobind::literals;

namespace nnapi::bind {
namespace {

// Exceptions become those of nnapi_runtime.errors.
void raise(const char* name, const char* text, nb::kwargs details = {}) {
  nb::object type = nb::module_::import_("nnapi_runtime.errors").attr(name);
  nb::object error = type(text, **details);
  PyErr_SetObject(type.ptr(), error.ptr());
}

void translate(const std::exception_ptr& error, void*) {
  try {
    std::rethrow_exception(error);
  } catch (const loader::Error& e) {
    static constexpr const char* kTypes[] = {"NnapiError", "LibraryError", "ModelError",
                                             "ArgumentError"};
    nb::dict details;
    if (e.code != 0) details["code"] = loader::code_name(e.code);
    if (!e.call.empty()) details["call"] = e.call;
    if (e.operation) details["operation"] = *e.operation;
    if (!e.node.empty()) details["node"] = e.node;
    if (!e.source.empty()) details["source"] = e.source;
    raise(kTypes[static_cast<size_t>(e.kind)], e.what(), nb::borrow<nb::kwargs>(details));
  }
}

}  // namespace

NB_MODULE(_loader, m) {
  // Threads that the end of the interpreter finds within a call keep what they work on.
  nb::set_leak_warnings(false);
  m.doc() = "Runs model words on any libneuralnetworks.so.";
  nb::register_exception_translator(translate);
  bind_artifact(m);
  bind_session(m);

  m.def(
      "host_library", [] { return std::filesystem::path(loader::Library::host_path()); },
      "Path of the NNAPI library that nnapi_runtime brings along.");
  nb::class_<loader::Device>(m, "Device", "A device of an NNAPI library.")
      .def_ro("name", &loader::Device::name)
      .def_ro("type", &loader::Device::type, "cpu, gpu, accelerator, other or unknown.")
      .def_ro("version", &loader::Device::version)
      .def_ro("feature_level", &loader::Device::feature_level)
      .def("__repr__", [](const loader::Device& device) {
        return "<Device " + device.name + " (" + device.type + "), version " + device.version +
               ", feature level " + std::to_string(device.feature_level) + ">";
      });
  m.def(
      "list_devices",
      [](const std::filesystem::path& library) {
        return loader::list_devices(*loader::Library::open(library));
      },
      "library"_a);
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
      "threads"_a, nb::call_guard<GilReleased>(),
      "(arithmetic, instructions, operations a second) of each way to multiply and accumulate.");
  m.def("time_fixed_work", &machine::time_fixed_work, "threads"_a, nb::call_guard<GilReleased>(),
        "Seconds that a small fixed amount of arithmetic takes on each of the threads at once.");
  m.def("read_bandwidth", &machine::read_bandwidth, "bytes"_a, nb::call_guard<GilReleased>(),
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
