// The element type of each operand type, as arrays have it.
#pragma once

#include <cstdint>
#include <string>

#include "nnapi/neural_networks.h"

namespace nnapi::loader {

enum class ElementKind : uint8_t { kNone, kInt, kUint, kFloat, kBool };

struct Element {
  ElementKind kind = ElementKind::kNone;
  uint32_t size = 0;  // bytes
  bool scalar = false;

  bool holds_data() const { return kind != ElementKind::kNone; }
  // In an array: scalars are arrays without dimensions.
  bool same_data(Element other) const { return kind == other.kind && size == other.size; }
};

// Numpy's name of it.
inline std::string dtype_name(Element element) {
  const std::string bits = std::to_string(8 * element.size);
  switch (element.kind) {
    case ElementKind::kInt:
      return "int" + bits;
    case ElementKind::kUint:
      return "uint" + bits;
    case ElementKind::kFloat:
      return "float" + bits;
    case ElementKind::kBool:
      return "bool";
    case ElementKind::kNone:
      break;
  }
  return "a type that NNAPI does not know";
}

// Kind kNone for MODEL, and for types that NNAPI does not define.
constexpr Element element_of(int32_t type) {
  switch (type) {
    case ANEURALNETWORKS_FLOAT32:
      return {ElementKind::kFloat, 4, true};
    case ANEURALNETWORKS_FLOAT16:
      return {ElementKind::kFloat, 2, true};
    case ANEURALNETWORKS_INT32:
      return {ElementKind::kInt, 4, true};
    case ANEURALNETWORKS_UINT32:
      return {ElementKind::kUint, 4, true};
    case ANEURALNETWORKS_BOOL:
      return {ElementKind::kBool, 1, true};
    case ANEURALNETWORKS_TENSOR_FLOAT32:
      return {ElementKind::kFloat, 4};
    case ANEURALNETWORKS_TENSOR_FLOAT16:
      return {ElementKind::kFloat, 2};
    case ANEURALNETWORKS_TENSOR_INT32:
      return {ElementKind::kInt, 4};
    case ANEURALNETWORKS_TENSOR_BOOL8:
      return {ElementKind::kBool, 1};
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM:
    case ANEURALNETWORKS_TENSOR_OEM_BYTE:
      return {ElementKind::kUint, 1};
    case ANEURALNETWORKS_TENSOR_QUANT8_SYMM:
    case ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL:
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED:
      return {ElementKind::kInt, 1};
    case ANEURALNETWORKS_TENSOR_QUANT16_SYMM:
      return {ElementKind::kInt, 2};
    case ANEURALNETWORKS_TENSOR_QUANT16_ASYMM:
      return {ElementKind::kUint, 2};
    default:
      return {};
  }
}

}  // namespace nnapi::loader
