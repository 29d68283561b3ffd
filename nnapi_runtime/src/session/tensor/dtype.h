// Torch's dtypes by name, and what an element of each is.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "loader/element.h"

namespace nnapi::session {

enum class DType : uint8_t {
  kBool,
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kUint64,
  kInt64,
  kFloat16,
  kFloat32,
  kFloat64,
  // Of quantised tensors, which are passed as their integers.
  kQuint8,
  kQint8,
  kQint32,
  // What NNAPI has nothing for; other pieces may.
  kBfloat16,
  kComplex32,
  kComplex64,
  kComplex128,
  kFloat8E4m3fn,
  kFloat8E4m3fnuz,
  kFloat8E5m2,
  kFloat8E5m2fnuz,
  kFloat8E8m0fnu,
};

// None for a name that torch does not have.
std::optional<DType> dtype_of(std::string_view name);
const char* name_of(DType dtype);

// The integers of a quantised dtype; any other is itself.
DType stored_as(DType dtype);
inline bool is_quantised(DType dtype) { return stored_as(dtype) != dtype; }

// Of kind kNone for what NNAPI has nothing for; the size is right all the same.
loader::Element element_of(DType dtype);
// The plain dtype of such elements.
std::optional<DType> dtype_of(loader::Element element);

}  // namespace nnapi::session
