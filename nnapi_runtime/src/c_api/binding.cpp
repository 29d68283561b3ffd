// Inputs and outputs that stay in one place.
#include <memory>
#include <mutex>
#include <optional>

#include "c_api/boundary.h"
#include "c_api/session_handle.h"
#include "c_api/tensors.h"
#include "c_api/write_results.h"
#include "loader/bound_run.h"

struct torch_nnapi_binding {
  std::shared_ptr<nnapi::c_api::OpenSession> open;
  std::vector<nnapi::session::Value> inputs;
  std::vector<torch_nnapi_tensor> outputs;
  const nnapi::session::NnapiPiece* piece = nullptr;
  std::optional<nnapi::loader::BoundRun> direct;
  std::mutex mutex;
};

namespace nnapi::c_api {
namespace {

using session::Crossing;
using session::Value;

// Are the elements at their places in memory what the operand is?
bool is_operand(const Crossing& crossing, const Value& value) {
  if (!crossing.same_elements() || !crossing.operand().known()) return false;
  Value permuted = value;
  const auto& order = crossing.border().order;
  for (size_t i = 0; i < order.size(); ++i) {
    permuted.shape[i] = value.shape[order[i]];
    permuted.strides[i] = value.strides[order[i]];
  }
  const size_t size = session::element_of(value.dtype).size;
  return permuted.is_contiguous() && reinterpret_cast<uintptr_t>(value.data) % size == 0;
}

// Binds the executor itself to the memory, where that is all there is to do.
void bind_directly(torch_nnapi_binding& binding) {
  const session::NnapiPiece* piece = binding.open->session.only_piece();
  if (piece == nullptr) return;
  std::vector<loader::ConstArray> inputs;
  for (size_t i = 0; i < binding.inputs.size(); ++i) {
    const Crossing& crossing = piece->inputs()[i];
    if (!is_operand(crossing, binding.inputs[i])) return;
    inputs.push_back(crossing.into(binding.inputs[i]).array);
  }
  std::vector<void*> outputs;
  const auto& results = binding.open->session.manifest().results;
  for (size_t i = 0; i < binding.outputs.size(); ++i) {
    const torch_nnapi_tensor& given = binding.outputs[i];
    const Crossing& crossing = piece->outputs()[i];
    if (given.data == nullptr ||
        given.rank != static_cast<int32_t>(results[i].spec->shape.size())) {
      return;
    }
    const Value value = value_of(given, "output " + std::to_string(i));
    if (session::stored_as(results[i].spec->dtype) != value.dtype ||
        value.shape != results[i].spec->shape || !is_operand(crossing, value)) {
      return;
    }
    outputs.push_back(given.data);
  }
  binding.piece = piece;
  binding.direct.emplace(*piece->executor(), inputs, outputs);
}

}  // namespace
}  // namespace nnapi::c_api

extern "C" {

using namespace nnapi::c_api;

torch_nnapi_status torch_nnapi_bind(torch_nnapi_session* session, const torch_nnapi_tensor* inputs,
                                    size_t input_count, const torch_nnapi_tensor* outputs,
                                    size_t output_count, torch_nnapi_binding** binding) {
  if (binding != nullptr) *binding = nullptr;
  return guarded([&] {
    if (binding == nullptr) {
      throw nnapi::loader::ArgumentError("the place for the binding is null");
    }
    auto made = std::make_unique<torch_nnapi_binding>();
    made->open = open_session(session);
    made->inputs = values_of(inputs, input_count);
    made->outputs = places_of(*made->open, outputs, output_count);
    check_arguments(made->open->session.manifest(), made->inputs,
                    made->open->session.artifact().name);
    bind_directly(*made);
    *binding = made.release();
  });
}

torch_nnapi_status torch_nnapi_binding_run(torch_nnapi_binding* binding) {
  return guarded([&] {
    if (binding == nullptr) throw nnapi::loader::ArgumentError("the binding is null");
    const std::lock_guard alone(binding->mutex);
    if (binding->direct) {
      try {
        binding->direct->compute();
      } catch (const nnapi::loader::Error& error) {
        const nnapi::loader::Executor* other = binding->piece->stand_in_for(error);
        if (other == nullptr) throw binding->piece->traced(error);
        binding->direct->move_to(*other);
        binding->direct->compute();
        binding->piece->stand_in_ran(error);
      }
      return;
    }
    auto places = binding->outputs;
    write_results(run_apart(*binding->open, binding->inputs), places);
  });
}

int32_t torch_nnapi_binding_is_direct(const torch_nnapi_binding* binding) {
  return binding != nullptr && binding->direct ? 1 : 0;
}

void torch_nnapi_binding_free(torch_nnapi_binding* binding) { delete binding; }
}
