// Elementwise functions of float32, by the loops of the instruction set, and of float16.
#pragma once

#include "host/arithmetic/map_elements.h"
#include "host/base/float16.h"
#include "host/operation/element_type.h"

namespace nnapi::host {

// F: float of(float), and stretch(): the same as a loop over float32.
template <class F>
Status map_real_function(const Node& node) {
  struct Nothing {};
  return with_element_type<float, Float16>(node, node.in(0).type, [&]<class T>(ElementType<T>) {
    const T* in = node.in(0).as<T>();
    T* out = node.out(0).as<T>();
    const size_t count = node.out(0).count();
    if constexpr (std::is_same_v<T, float>)
      map_stretches(node, F::stretch(), count, in, out, Nothing{}, kCostlyGrain);
    else
      map_elements(
          node, count, in, out, [](T x) { return from_float<T>(F::of(to_float(x))); },
          kCostlyGrain);
  });
}

}  // namespace nnapi::host
