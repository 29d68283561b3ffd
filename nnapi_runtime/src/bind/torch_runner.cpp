#include "bind/torch_runner.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bind/gil.h"
#include "bind/python_values.h"
#include "loader/error.h"

namespace nb = nanobind;

namespace nnapi::bind {
namespace {

using session::Value;

class TorchProgram : public session::ExternalProgram {
 public:
  explicit TorchProgram(nb::object run) : run_(std::move(run)) {}
  ~TorchProgram() override {
    const GilAcquired locked;
    run_.reset();
  }

  std::vector<Value> run(std::span<const Value> inputs, const session::RunLimits& limits) override {
    const GilAcquired locked;
    nb::list given;
    for (const Value& value : inputs) given.append(to_python(value, true));
    nb::object deadline = nb::none();
    if (limits.deadline()) {
      // Python's time.monotonic_ns is this clock.
      const std::chrono::nanoseconds since = limits.deadline()->time_since_epoch();
      deadline = nb::int_(since.count());
    }
    std::vector<Value> made;
    const nb::object outputs = run_(given, deadline);
    for (nb::handle output : nb::borrow<nb::sequence>(outputs)) {
      ValueReader reader;
      nb::object kept = nb::borrow(output);
      Value value = reader.read(kept, "a result of torch");
      if (value.quantisation) {
        throw loader::ModelError("a torch program made a quantised tensor");
      }
      value.foreign = PythonObject::owned(std::move(kept));
      made.push_back(std::move(value));
    }
    return made;
  }

 private:
  nb::object run_;
};

nb::list weights_of(const session::TorchSpec& piece) {
  nb::list weights;
  for (const session::TorchWeight& weight : piece.weights) {
    nb::list steps;
    for (const session::TorchWeight::Step& step : weight.steps) {
      steps.append(nb::make_tuple(step.permute ? "permute" : "reshape", step.dims));
    }
    weights.append(nb::make_tuple(weight.weight, steps));
  }
  return weights;
}

// An error of nnapi_runtime.errors as what it is here; returns for any other.
void throw_as_ours(nb::python_error& error) {
  const nb::object errors = nb::module_::import_("nnapi_runtime.errors");
  const std::string text = text_of(error.value());
  if (error.matches(errors.attr("LibraryError"))) throw loader::LibraryError(text);
  if (error.matches(errors.attr("ModelError"))) throw loader::ModelError(text);
  if (error.matches(errors.attr("ArgumentError"))) throw loader::ArgumentError(text);
  if (error.matches(errors.attr("NnapiError"))) {
    throw loader::Error(loader::ErrorKind::kCall, text);
  }
}

}  // namespace

TorchRunner::~TorchRunner() {
  const GilAcquired locked;
  prepare_.reset();
}

std::unique_ptr<session::ExternalProgram> TorchRunner::prepare(const session::TorchSpec& piece) {
  const GilAcquired locked;
  try {
    return std::make_unique<TorchProgram>(
        prepare_(piece.program, piece.inputs, piece.outputs, weights_of(piece)));
  } catch (nb::python_error& error) {
    throw_as_ours(error);
    throw;
  }
}

}  // namespace nnapi::bind
