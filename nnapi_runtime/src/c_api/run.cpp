// Runs with results of their own, or into the caller's memory.
#include <cstring>

#include "c_api/boundary.h"
#include "c_api/session_handle.h"
#include "c_api/tensors.h"
#include "c_api/write_results.h"

struct torch_nnapi_results {
  nnapi::session::Results values;
  std::vector<torch_nnapi_tensor> tensors;
};

extern "C" {

using namespace nnapi::c_api;
using nnapi::loader::ArgumentError;

torch_nnapi_status torch_nnapi_run(torch_nnapi_session* session, const torch_nnapi_tensor* inputs,
                                   size_t count, torch_nnapi_results** results) {
  if (results != nullptr) *results = nullptr;
  return guarded([&] {
    if (results == nullptr) throw ArgumentError("the place for the results is null");
    const auto open = open_session(session);
    auto made = std::make_unique<torch_nnapi_results>();
    made->values = run_apart(*open, values_of(inputs, count));
    for (const auto& value : made->values) {
      made->tensors.push_back(value ? tensor_of(*value) : torch_nnapi_tensor{});
    }
    *results = made.release();
  });
}

size_t torch_nnapi_results_count(const torch_nnapi_results* results) {
  return results == nullptr ? 0 : results->values.size();
}

const torch_nnapi_tensor* torch_nnapi_results_get(const torch_nnapi_results* results,
                                                  size_t index) {
  if (results == nullptr || index >= results->values.size() || !results->values[index]) {
    return nullptr;
  }
  return &results->tensors[index];
}

void torch_nnapi_results_free(torch_nnapi_results* results) { delete results; }

torch_nnapi_status torch_nnapi_run_into(torch_nnapi_session* session,
                                        const torch_nnapi_tensor* inputs, size_t input_count,
                                        torch_nnapi_tensor* outputs, size_t output_count) {
  return guarded([&] {
    const auto open = open_session(session);
    std::vector<torch_nnapi_tensor> places = places_of(*open, outputs, output_count);
    const auto results = run_apart(*open, values_of(inputs, input_count));
    write_results(results, places);
    for (size_t i = 0; i < output_count; ++i) {
      write_struct(places[i], struct_at(outputs, i));
    }
  });
}

void torch_nnapi_cancel(torch_nnapi_session* session, int32_t cancelled) {
  if (session != nullptr) session->open->cancelled = cancelled != 0;
}
}
