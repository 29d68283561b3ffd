#include "c_api/tensors.h"

#include <algorithm>
#include <array>

#include "c_api/boundary.h"
#include "session/tensor/shape_text.h"

namespace nnapi::c_api {
namespace {

using loader::ArgumentError;
using loader::ModelError;
using session::DType;
using session::Value;

// In the order of torch_nnapi_dtype.
constexpr std::array kDtypes = {
    DType::kBool,  DType::kUint8,  DType::kInt8,  DType::kUint16,  DType::kInt16,   DType::kUint32,
    DType::kInt32, DType::kUint64, DType::kInt64, DType::kFloat16, DType::kFloat32, DType::kFloat64,
};

bool is_dtype(const torch_nnapi_dtype& dtype) {
  return static_cast<uint32_t>(number_of(dtype)) < kDtypes.size();
}

// The bytes from the first element to the last; none where that overflows.
std::optional<size_t> extent(std::span<const int64_t> shape, std::span<const int64_t> strides,
                             size_t element) {
  size_t last = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return 0;
    size_t step = 0;
    if (__builtin_mul_overflow(static_cast<size_t>(shape[i] - 1), static_cast<size_t>(strides[i]),
                               &step) ||
        __builtin_add_overflow(last, step, &last)) {
      return {};
    }
  }
  size_t bytes = 0;
  if (__builtin_add_overflow(last, size_t{1}, &bytes) ||
      __builtin_mul_overflow(bytes, element, &bytes)) {
    return {};
  }
  return bytes;
}

}  // namespace

std::vector<int64_t> strides_of(const torch_nnapi_tensor& tensor) {
  const auto rank = static_cast<size_t>(tensor.rank);
  const std::span<const int64_t> strides(tensor.strides, rank);
  if (std::all_of(strides.begin(), strides.end(), [](int64_t one) { return one == 0; })) {
    return session::contiguous_strides({tensor.shape, rank});
  }
  return {strides.begin(), strides.end()};
}

Value value_of(const torch_nnapi_tensor& tensor, const std::string& what) {
  if (!is_dtype(tensor.dtype)) {
    throw ArgumentError(what + " has the unknown dtype " + std::to_string(number_of(tensor.dtype)));
  }
  if (tensor.rank < 0 || tensor.rank > TORCH_NNAPI_MAX_RANK) {
    throw ArgumentError(what + " has a rank of " + std::to_string(tensor.rank) +
                        "; it must be from 0 to " + std::to_string(TORCH_NNAPI_MAX_RANK));
  }
  const auto rank = static_cast<size_t>(tensor.rank);
  Value value;
  value.dtype = kDtypes[tensor.dtype];
  value.shape.assign(tensor.shape, tensor.shape + rank);
  uint64_t count = 1;
  for (const int64_t dim : value.shape) {
    if (dim < 0 ||
        (dim != 0 && __builtin_mul_overflow(count, static_cast<uint64_t>(dim), &count)) ||
        count > uint64_t{1} << 60) {
      throw ArgumentError(what + " has the shape " + session::shape_text(value.shape) +
                          ", which is none");
    }
  }
  value.strides = strides_of(tensor);
  for (const int64_t stride : value.strides) {
    if (stride < 0) throw ArgumentError(what + " has a negative stride");
  }
  const auto needed = extent(value.shape, value.strides, session::element_of(value.dtype).size);
  if (!needed || *needed > tensor.bytes || (tensor.data == nullptr && *needed != 0)) {
    throw ArgumentError(
        what + " has " +
        (tensor.data == nullptr ? "no memory" : std::to_string(tensor.bytes) + " bytes of memory") +
        "; its shape " + session::shape_text(value.shape) + " takes " +
        (needed ? std::to_string(*needed) : std::string("more")));
  }
  value.data = static_cast<const std::byte*>(tensor.data);
  return value;
}

std::vector<Value> values_of(const torch_nnapi_tensor* inputs, size_t count) {
  std::vector<Value> values;
  for (size_t i = 0; i < count; ++i) {
    const std::string what = "input " + std::to_string(i);
    const torch_nnapi_tensor none{};
    read_struct(inputs, none, "inputs");
    values.push_back(value_of(read_struct(struct_at(inputs, i), none, what.c_str()), what));
  }
  return values;
}

torch_nnapi_dtype dtype_of(DType dtype, const std::string& what) {
  const auto found = std::find(kDtypes.begin(), kDtypes.end(), session::stored_as(dtype));
  if (found == kDtypes.end()) {
    throw ModelError(what + " is " + session::name_of(dtype) + ", which this interface has not");
  }
  return static_cast<torch_nnapi_dtype>(found - kDtypes.begin());
}

torch_nnapi_tensor tensor_of(const Value& value) {
  torch_nnapi_tensor tensor{};
  tensor.size = sizeof tensor;
  tensor.dtype = dtype_of(value.dtype, "a result");
  if (value.shape.size() > TORCH_NNAPI_MAX_RANK) {
    throw ModelError("a result has " + std::to_string(value.shape.size()) +
                     " dimensions; this interface has at most " +
                     std::to_string(TORCH_NNAPI_MAX_RANK));
  }
  tensor.rank = static_cast<int32_t>(value.shape.size());
  std::copy(value.shape.begin(), value.shape.end(), tensor.shape);
  tensor.data = const_cast<std::byte*>(value.data);
  tensor.bytes = static_cast<size_t>(value.count()) * session::element_of(value.dtype).size;
  return tensor;
}

}  // namespace nnapi::c_api

extern "C" {

size_t torch_nnapi_dtype_size(torch_nnapi_dtype dtype) {
  using namespace nnapi::c_api;
  return is_dtype(dtype) ? nnapi::session::element_of(kDtypes[dtype]).size : 0;
}

const char* torch_nnapi_dtype_name(torch_nnapi_dtype dtype) {
  using namespace nnapi::c_api;
  return is_dtype(dtype) ? nnapi::session::name_of(kDtypes[dtype]) : "no dtype";
}
}
