// Tensors as C has them, and as a session has them.
#pragma once

#include <span>
#include <vector>

#include "session/tensor/value.h"
#include "torch_nnapi.h"

namespace nnapi::c_api {

// Throws ArgumentError, which names `what`, for what is no tensor or lacks memory.
session::Value value_of(const torch_nnapi_tensor& tensor, const std::string& what);
// `count` inputs of a call.
std::vector<session::Value> values_of(const torch_nnapi_tensor* inputs, size_t count);

// Shape and dtype of a result; strides are 0, `data` is the value's. Throws ModelError for what the
// struct cannot say.
torch_nnapi_tensor tensor_of(const session::Value& value);

torch_nnapi_dtype dtype_of(session::DType dtype, const std::string& what);

// The strides of a tensor, which may be given as zeros.
std::vector<int64_t> strides_of(const torch_nnapi_tensor& tensor);

}  // namespace nnapi::c_api
