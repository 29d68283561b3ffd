// Lanes combined, and sums of stretches, for the instruction set that includes this; see vectors.h.
#pragma once

#include <utility>

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

template <class V>
inline V sum_of(V a, V b) {
  return a + b;
}

// All lanes combined, in every lane: each with that `distance` lanes away, for half of them after
// half.
template <auto combine, int distance, class V, int... lane>
inline V across(V v, std::integer_sequence<int, lane...> lanes) {
  const V once = combine(v, __builtin_shufflevector(v, v, (lane ^ distance)...));
  if constexpr (distance == 1)
    return once;
  else
    return across<combine, distance / 2>(once, lanes);
}

template <auto combine, class V>
inline auto across(V v) {
  constexpr int kCount = sizeof(V) / sizeof(v[0]);
  return across<combine, kCount / 2>(v, std::make_integer_sequence<int, kCount>{})[0];
}

double sum(const float* x, int64_t n) {
  Isa::Doubles low = {}, high = {};
  const auto add = [&](const float* reals) __attribute__((always_inline)) {
    low += Isa::load_doubles(reals);
    high += Isa::load_doubles(reals + kLanes / 2);
  };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) add(x + i);
  if (i < n) {
    float rest[kLanes];
    store(rest, Isa::template load_part<Reals>(x + i, n - i));
    add(rest);
  }
  return across<sum_of<Isa::Doubles>>(low + high);
}

}  // namespace
}  // namespace nnapi::host
