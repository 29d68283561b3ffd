// From an operand type to the C++ type of its elements.
#pragma once

#include <cstdint>
#include <type_traits>

#include "host/base/float16.h"
#include "host/operation/operation.h"

namespace nnapi::host {

template <class T>
struct ElementType {
  using type = T;
};

// An element of a TENSOR_BOOL8, or a BOOL: any byte but 0 is true.
struct Bool8 {
  uint8_t byte;
  operator bool() const { return byte != 0; }
};

// Is T what elements of this operand type are in memory?
template <class T>
bool stores(int32_t type) {
  if constexpr (std::is_same_v<T, float>) {
    return type == ANEURALNETWORKS_TENSOR_FLOAT32;
  } else if constexpr (std::is_same_v<T, Float16>) {
    return type == ANEURALNETWORKS_TENSOR_FLOAT16;
  } else if constexpr (std::is_same_v<T, int32_t>) {
    return type == ANEURALNETWORKS_TENSOR_INT32;
  } else if constexpr (std::is_same_v<T, uint8_t>) {
    return type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM;
  } else if constexpr (std::is_same_v<T, int8_t>) {
    return type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED ||
           type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM ||
           type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL;
  } else {
    static_assert(std::is_same_v<T, Bool8>);
    return type == ANEURALNETWORKS_TENSOR_BOOL8;
  }
}

// Calls f(ElementType<T>{}) for the one of `Allowed` that elements of `type` are:
//   with_element_type<float, Float16>(node, type, [&]<class T>(ElementType<T>) { ... });
// f may return a Status or nothing.
template <class... Allowed, class F>
Status with_element_type(const Node& node, int32_t type, F&& f) {
  Status status = kOk;
  auto call = [&]<class T>(ElementType<T> element) {
    if constexpr (std::is_void_v<decltype(f(element))>) {
      f(element);
    } else {
      status = f(element);
    }
    return true;
  };
  const bool found = ((stores<Allowed>(type) && call(ElementType<Allowed>{})) || ...);
  return found ? status : node.bad("operand type %d has no kernel", type);
}

}  // namespace nnapi::host
