#include "bind/bound.h"

#include <cstring>

#include "bind/gil.h"
#include "bind/python_values.h"
#include "loader/error.h"

namespace nb = nanobind;

namespace nnapi::bind {
namespace {

using loader::ArgumentError;
using session::Crossing;

std::shared_ptr<std::byte> place_for(const Crossing& crossing, const char* role) {
  const std::string which = std::string(role) + " '" + crossing.border().value + "'";
  if (!crossing.operand().known()) {
    throw ArgumentError(which +
                        " has a free dimension; call the session, or convert the model for one "
                        "size");
  }
  if (!crossing.same_elements()) {
    throw ArgumentError(which + " is " +
                        session::name_of(session::stored_as(crossing.border().dtype)) +
                        ", which NNAPI has as " + dtype_name(crossing.operand().element) +
                        "; call the session, which converts it");
  }
  const size_t bytes = crossing.operand().bytes();
  const auto memory = session::new_memory(bytes, which.c_str());
  std::memset(memory.get(), 0, bytes);
  return memory;
}

nb::object as_in_torch(const Crossing& crossing, const std::shared_ptr<std::byte>& memory) {
  return new_array(crossing.out_of(memory, crossing.operand().dims));
}

}  // namespace

Bound::Bound(std::shared_ptr<session::Session> session)
    : session_(std::move(session)), piece_(session_->only_piece()) {
  if (piece_ == nullptr) {
    throw ArgumentError(session_->artifact().name +
                        " is not one NNAPI piece that takes its arguments and gives its results; "
                        "call the session");
  }
  std::vector<loader::ConstArray> given;
  nb::list inputs, outputs;
  for (const Crossing& crossing : piece_->inputs()) {
    const auto memory = place_for(crossing, "input");
    given.push_back({memory.get(), crossing.operand().element, crossing.operand().dims});
    inputs.append(as_in_torch(crossing, memory));
  }
  std::vector<void*> results;
  for (const Crossing& crossing : piece_->outputs()) {
    const auto memory = place_for(crossing, "output");
    results.push_back(memory.get());
    outputs.append(as_in_torch(crossing, memory));
  }
  inputs_ = nb::tuple(inputs);
  outputs_ = nb::tuple(outputs);
  run_ = std::make_unique<loader::BoundRun>(*piece_->executor(), given, results);
}

Bound::Bound(Bound&& other) noexcept
    : session_(std::move(other.session_)),
      piece_(other.piece_),
      inputs_(std::move(other.inputs_)),
      outputs_(std::move(other.outputs_)),
      run_(std::move(other.run_)) {}

void Bound::operator()() {
  const GilReleased unlocked;
  const std::lock_guard alone(mutex_);
  try {
    run_->compute();
  } catch (const loader::Error& error) {
    const loader::Executor* other = piece_->stand_in_for(error);
    if (other == nullptr) throw piece_->traced(error);
    run_->move_to(*other);
    run_->compute();
    piece_->stand_in_ran(error);
  }
}

void bind_bound(nb::module_& module) {
  nb::class_<Bound>(
      module, "Bound",
      "Fill ``inputs``, call it, and read ``outputs``, which the next call overwrites.\n\n"
      "All are arrays of torch's shapes that lie in memory as NNAPI has them: channels last, for "
      "an\n"
      "image. Threads need a `Bound` each.")
      .def("__call__", &Bound::operator())
      .def_prop_ro("inputs", &Bound::inputs)
      .def_prop_ro("outputs", &Bound::outputs);
}

}  // namespace nnapi::bind
