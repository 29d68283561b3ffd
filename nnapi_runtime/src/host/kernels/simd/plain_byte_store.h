// Sums to steps vector by vector, for instruction sets without a better way.
#pragma once

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

template <int V>
struct Isa::ByteStore {
  const char* factors;
  const ByteOutput& out;
  int columns;

  ByteStore(const void* from, const ByteOutput& output, int n)
      : factors(static_cast<const char*>(from)), out(output), columns(n) {}

  void operator()(uint8_t* to, const Ints (&sums)[V]) const {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v)
      store_some(to + v * kLanes, to_steps(sums[v], factors + v * sizeof(Reals), out),
                 columns - v * kLanes);
  }
};

}  // namespace
}  // namespace nnapi::host
