// Vectors of an instruction set, and what all loops do with them. Each instruction set's file
// includes this once, after defining struct Isa in namespace nnapi::host, all within its target
// region; so everything here has internal linkage, and nothing of the standard library is
// instantiated.
//
// Isa has
//   kLanes, kGroup, kRealRows, kByteRows   rows of tiles by the width of their panel in vectors
//   kHalves                                is half a vector less work than a whole one?
//   kSignedInputs                          are 8-bit inputs taken as signed?
//   kFloatInputs                           input channels that are loaded at once, whose products
//                                          are taken by lane; 1: each is spread from memory
//   kInputGroups                           the same of groups of 8-bit inputs
//   Reals, Ints, Doubles                   the last of half as many lanes
//   load_part<V>(from, n)                  the first n elements; the others are zero
//   store_part(to, v, n)                   likewise
//   load_doubles(from)                     of floats
//   Weights, load_weights(p)               the weights of kLanes columns and one group
//   inputs(p), inputs_end(p, n, depth)     one group of inputs, in every lane; the last n of a
//                                          depth
//   flips(flip)                            what turns such inputs over
//   dot(sum, weights, inputs)
//   half_dot(sum, p, inputs)               the same for the weights of half as many columns
//   add_channels(sums, p, inputs)          where kFloatInputs are several: these channels of a
//                                          tile's rows times the weights at p, in turn to each of
//                                          the sums [U][rows]
//   Inputs, load_inputs(p)                 where kInputGroups are several: of so many groups
//   add_groups(sums, p, inputs)            as add_channels
//   Numbers                                see exponential_method.h
//   keep_rounding(v)                       makes v what it is without the operations after it
//   ByteStore<V>                           stores sums of V vectors as steps
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "host/kernels/simd/simd_loops.h"

namespace nnapi::host {
namespace {

constexpr int kLanes = Isa::kLanes;
typedef float Reals __attribute__((vector_size(kLanes * 4)));
typedef int32_t Ints __attribute__((vector_size(kLanes * 4)));
typedef uint8_t Bytes __attribute__((vector_size(kLanes)));
typedef int8_t SignedBytes __attribute__((vector_size(kLanes)));
typedef float HalfReals __attribute__((vector_size(kLanes * 2)));
typedef int32_t HalfInts __attribute__((vector_size(kLanes * 2)));

template <class V>
inline V load(const void* from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
template <class V>
inline void store(void* to, V v) {
  std::memcpy(to, &v, sizeof v);
}
template <class V, class T>
inline V load_some(const T* from, int64_t n) {
  return n >= kLanes ? load<V>(from) : Isa::template load_part<V>(from, n);
}
template <class V, class T>
inline void store_some(T* to, V v, int64_t n) {
  if (n >= kLanes)
    store(to, v);
  else
    Isa::store_part(to, v, n);
}

// The same elements and as many zeros.
template <class V, class Half, int... kIndex>
inline V widened(Half v, std::integer_sequence<int, kIndex...>) {
  return __builtin_shufflevector(v, Half{}, kIndex...);
}
inline Reals widened(HalfReals v) {
  return widened<Reals>(v, std::make_integer_sequence<int, kLanes>());
}
inline Ints widened(HalfInts v) {
  return widened<Ints>(v, std::make_integer_sequence<int, kLanes>());
}

inline Reals all(float value) { return value - Reals{}; }  // v - 0 is v, where 0 + v may not be

inline Reals clamp(Reals v, Reals low, Reals high) {
  return Isa::Numbers::at_most(high, Isa::Numbers::at_least(low, v));
}

// Sums to stored values: scaled, rounded to the nearest (even) integer, saturated.
inline Bytes to_steps(Ints sums, const void* factors, const ByteOutput& out) {
  Reals v = __builtin_convertvector(sums, Reals) * load<Reals>(factors);
  v = clamp(v, all(static_cast<float>(out.range.low - out.zero_point)),
            all(static_cast<float>(out.range.high - out.zero_point)));
  constexpr float kRounder = 0x1.8p23f;  // adding it leaves the nearest integer in the last bits
  const Ints q = __builtin_convertvector((v + kRounder) - kRounder, Ints) + out.zero_point;
  return __builtin_convertvector(q, Bytes) ^ out.flip;
}

// How `pixels` are cut into tiles of nearly the same height, at most `most`.
struct TileCut {
  int tiles, rows, taller;  // the first `taller` have one row more

  // Dividing takes as long as many a small tile's sums.
  TileCut(int pixels, int most) : tiles(1), rows(pixels), taller(0) {
    if (pixels <= most) return;
    tiles = (pixels + most - 1) / most;
    rows = pixels / tiles;
    taller = pixels % tiles;
  }
};

}  // namespace
}  // namespace nnapi::host
