// Functions of real numbers over stretches of memory, for the instruction set that includes this;
// see vectors.h.
#pragma once

#include "host/arithmetic/exponential_method.h"
#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

inline Reals exponential(Reals x) { return exponential_of<Reals, Isa::Numbers>(x); }
inline Reals logistic(Reals x) { return logistic_of<Reals, Isa::Numbers>(x); }
inline Reals hyperbolic_tangent(Reals x) {
  return hyperbolic_tangent_of<Reals, Ints, Isa::Numbers>(x);
}

// A VectorFunction (vector_loop.h) of one operand.
template <Reals (*function)(Reals)>
void stretch_of(const void*, const void* in, const void*, void* out, int64_t n) {
  const auto* x = static_cast<const float*>(in);
  auto* y = static_cast<float*>(out);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, function(load<Reals>(x + i)));
  if (i < n) Isa::store_part(y + i, function(Isa::template load_part<Reals>(x + i, n - i)), n - i);
}

}  // namespace
}  // namespace nnapi::host
