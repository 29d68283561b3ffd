// Tensors in a manifest: what the caller gives and gets, what crosses into NNAPI, constants.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "session/json.h"
#include "session/sizes/expression.h"
#include "session/tensor/value.h"

namespace nnapi::session {

using Shape = std::vector<int64_t>;  // -1: any size

// A tensor that the caller gives or gets.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kFloat32;
  Shape shape;
  std::optional<Dims> dims;  // where the shape has free dimensions, and they are told

  static TensorSpec parse(const Field& field, const SizeNames* sizes);
};

// One of the flat results: a tensor, a Python number (a constant of that type), or None.
struct Result {
  enum class Number : uint8_t { kNone, kBool, kInt, kFloat };

  std::optional<TensorSpec> spec;
  Number number = Number::kNone;
  std::optional<std::string> into;  // the input that it is written into; then it is not returned

  static Result parse(const Field& field);
};

// A tensor that is kept from one call to the next: the values that it is at the beginning and at
// the end of a call, and the weight that it begins as.
struct StateSpec {
  TensorSpec tensor;
  std::string input, output;
  size_t weight = 0;

  static StateSpec parse(const Field& field);
};

// A value that goes into or comes out of an NNAPI piece: what torch has, and what NNAPI has.
// Dimension `i` of the operand is dimension `order[i]` of the tensor.
struct BorderSpec {
  std::string value;
  DType dtype = DType::kFloat32;
  int32_t type = 0;
  Shape shape;
  std::vector<size_t> order;
  double scale = 0.0;
  int64_t zero_point = 0;
  std::optional<Dims> dims;

  static BorderSpec parse(const Field& field, const SizeNames& sizes);
  // With the shape that it has at these sizes.
  BorderSpec at(const KnownSizes& sizes) const;
};

// A tensor whose bytes are in the manifest itself.
Value parse_constant(const Field& field);

}  // namespace nnapi::session
