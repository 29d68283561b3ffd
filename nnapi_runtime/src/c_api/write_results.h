// Results into the caller's memory.
#pragma once

#include <vector>

#include "c_api/session_handle.h"
#include "torch_nnapi.h"

namespace nnapi::c_api {

// Runs. Results that are arguments as they were get memory of their own.
session::Results run_apart(OpenSession& open, std::vector<session::Value> inputs);

// The structs of `count` outputs, one for each result. Throws ArgumentError for another number.
std::vector<torch_nnapi_tensor> places_of(const OpenSession& open,
                                          const torch_nnapi_tensor* outputs, size_t count);

// Copies each result to where it goes, and says what it is. Throws ArgumentError where memory is
// too small; then nothing is written.
void write_results(const session::Results& results, std::vector<torch_nnapi_tensor>& places);

}  // namespace nnapi::c_api
