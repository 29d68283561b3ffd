// exp and the activations made of it for single numbers. Loops over them become vector code; those
// over float32 tensors are in kernels/simd/float_functions.h.
#pragma once

#include <cstdint>

#include "host/arithmetic/exponential_method.h"

namespace nnapi::host {

using SingleNumbers = PlainNumbers<float, int32_t>;

inline float exponential(float x) { return exponential_of<float, SingleNumbers>(x); }
inline float logistic(float x) { return logistic_of<float, SingleNumbers>(x); }
inline float hyperbolic_tangent(float x) {
  return hyperbolic_tangent_of<float, int32_t, SingleNumbers>(x);
}

}  // namespace nnapi::host
