// Source of the loops that tile.h describes. Each instruction set's file includes this once, after
// defining struct Isa in namespace nnapi::host, all within its target region; so everything here
// has internal linkage, and nothing of the standard library is instantiated.
//
// Isa has
//   kLanes, kRows, kVectors, kGroup
//   Weights, load_weights(p)      the weights of kLanes columns and one group
//   inputs(p), inputs_part(p, n)  one group of unsigned inputs, in every lane
//   flips(flip)                   what turns such inputs over
//   dot(sum, weights, inputs)
#pragma once

#include <cstdint>
#include <cstring>

#include "host/kernels/simd/tile.h"

namespace nnapi::host {
namespace {

constexpr int kLanes = Isa::kLanes;
typedef float Reals __attribute__((vector_size(kLanes * 4)));
typedef int32_t Ints __attribute__((vector_size(kLanes * 4)));
typedef uint8_t Bytes __attribute__((vector_size(kLanes)));

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
// The first n elements only; the others are zero.
template <class V, class T>
inline V load_part(const T* from, int64_t n) {
  T whole[sizeof(V) / sizeof(T)] = {};
  std::memcpy(whole, from, static_cast<size_t>(n) * sizeof(T));
  return load<V>(whole);
}
template <class V, class T>
inline void store_part(T* to, V v, int64_t n) {
  T whole[sizeof(V) / sizeof(T)];
  store(whole, v);
  std::memcpy(to, whole, static_cast<size_t>(n) * sizeof(T));
}
template <class V, class T>
inline V load_some(const T* from, int64_t n) {
  return n >= kLanes ? load<V>(from) : load_part<V>(from, n);
}
template <class V, class T>
inline void store_some(T* to, V v, int64_t n) {
  if (n >= kLanes)
    store(to, v);
  else
    store_part(to, v, n);
}

inline Reals all(float value) { return value - Reals{}; }  // v - 0 is v, where 0 + v may not be

inline Reals clamp(Reals v, Reals low, Reals high) {
  v = v < low ? low : v;
  return v > high ? high : v;
}

// Sums to stored values: scaled, rounded half away from zero, saturated.
inline Bytes to_steps(Ints sums, const void* factors, int32_t zero_point,
                      const ClampRange<int32_t>& range) {
  Reals v = __builtin_convertvector(sums, Reals) * load<Reals>(factors);
  v = clamp(v, all(static_cast<float>(range.low - zero_point)),
            all(static_cast<float>(range.high - zero_point)));
  const Reals half = v < 0.0f ? all(-0.5f) : all(0.5f);
  const Ints q = __builtin_convertvector(v + half, Ints) + zero_point;
  return __builtin_convertvector(q, Bytes);
}

template <int R, int V>
void real_tile(const RealTile& t) {
  Reals sum[R][V];
  const float* w = t.panel;
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    const Reals bias = load<Reals>(w + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[r][v] = bias;
  }
  w += V * kLanes;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const float* x[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) x[r] = t.inputs[tap * kTileRows + r] + t.first_channel;
    for (int64_t k = 0; k < t.depth; ++k) {
      Reals weights[V];
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) weights[v] = load<Reals>(w + v * kLanes);
      w += V * kLanes;
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const float input = x[r][k];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sum[r][v] += input * weights[v];
      }
    }
  }
  const Reals low = all(t.range.low), high = all(t.range.high);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    float* out = t.outputs[r] + t.first_column;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v)
      store_some(out + v * kLanes, clamp(sum[r][v], low, high), t.columns - v * kLanes);
  }
}

// Adds the products of `count` input channels from k on; at most a group of them.
template <int R, int V>
[[gnu::always_inline]] inline void add_group(Ints (&sum)[R][V], const uint8_t* const (&x)[R],
                                             int64_t k, const int8_t* w,
                                             typename Isa::Weights flips, int count) {
  typename Isa::Weights weights[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) weights[v] = Isa::load_weights(w + v * kLanes * Isa::kGroup);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    const auto inputs =
        (count == Isa::kGroup ? Isa::inputs(x[r] + k) : Isa::inputs_part(x[r] + k, count)) ^ flips;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[r][v] = Isa::dot(sum[r][v], weights[v], inputs);
  }
}

template <int R, int V>
void step_tile(const StepTile& t) {
  Ints sum[R][V];
  const auto* panel = static_cast<const char*>(t.panel);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    const int32_t term = t.row_terms ? t.row_terms[r] : 0;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[r][v] = load<Ints>(panel + v * sizeof(Ints)) + term;
  }
  const char* factors = panel + V * sizeof(Ints);
  const auto* w = reinterpret_cast<const int8_t*>(factors + V * sizeof(Reals));
  const typename Isa::Weights flips = Isa::flips(t.flip);
  const int64_t whole = t.depth / Isa::kGroup * Isa::kGroup;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const uint8_t* x[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) x[r] = t.inputs[tap * kTileRows + r] + t.first_channel;
    for (int64_t k = 0; k < whole; k += Isa::kGroup, w += V * kLanes * Isa::kGroup)
      add_group<R, V>(sum, x, k, w, flips, Isa::kGroup);
    // What is left of the depth: weights beyond it are zero, inputs must not be read.
    if (whole < t.depth) {
      add_group<R, V>(sum, x, whole, w, flips, static_cast<int>(t.depth - whole));
      w += V * kLanes * Isa::kGroup;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    uint8_t* out = t.outputs[r] + t.first_column;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v)
      store_some(out + v * kLanes,
                 to_steps(sum[r][v], factors + v * sizeof(Reals), t.zero_point, t.range),
                 t.columns - v * kLanes);
  }
}

// Channels in pairs of blocks where there are two, which halves the reading of input addresses.
template <int P, int B>
inline void real_strip_blocks(const RealStrip& t, const float* w, int64_t first, int64_t n) {
  const int64_t block = (1 + t.taps) * kLanes;
  Reals sum[P][B];
#pragma GCC unroll 8
  for (int b = 0; b < B; ++b) {
    const Reals bias = load<Reals>(w + b * block);
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sum[p][b] = bias;
  }
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    w += kLanes;
    Reals weights[B];
#pragma GCC unroll 8
    for (int b = 0; b < B; ++b) weights[b] = load<Reals>(w + b * block);
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      const float* x = t.inputs[tap * kStripPixels + p] + first;
#pragma GCC unroll 8
      for (int b = 0; b < B; ++b)
        sum[p][b] += load_some<Reals>(x + b * kLanes, n - b * kLanes) * weights[b];
    }
  }
  const Reals low = all(t.range.low), high = all(t.range.high);
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
    for (int b = 0; b < B; ++b)
      store_some(t.output + p * t.channels + first + b * kLanes, clamp(sum[p][b], low, high),
                 n - b * kLanes);
}

template <int P>
void real_strip(const RealStrip& t) {
  const float* w = t.blocks;
  int64_t c = 0;
  for (; c + 2 * kLanes <= t.channels; c += 2 * kLanes, w += 2 * (1 + t.taps) * kLanes)
    real_strip_blocks<P, 2>(t, w, c, 2 * kLanes);
  for (; c < t.channels; c += kLanes, w += (1 + t.taps) * kLanes)
    real_strip_blocks<P, 1>(t, w, c, t.channels - c);
}

template <int P>
void step_strip(const StepStrip& t) {
  const auto* w = static_cast<const char*>(t.blocks);
  for (int64_t c = 0; c < t.channels; c += kLanes) {
    const int64_t n = t.channels - c;
    Ints sum[P];
    const Ints bias = load<Ints>(w);
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sum[p] = bias;
    const char* factors = w + sizeof(Ints);
    w = factors + sizeof(Reals);
    for (int64_t tap = 0; tap < t.taps; ++tap, w += sizeof(Ints)) {
      const Ints weights = load<Ints>(w);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        const Bytes x = load_some<Bytes>(t.inputs[tap * kStripPixels + p] + c, n) ^ t.flip;
        sum[p] += __builtin_convertvector(x, Ints) * weights;
      }
    }
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p)
      store_some(t.output + p * t.channels + c, to_steps(sum[p], factors, t.zero_point, t.range),
                 n);
  }
}

// ---- one function for every size of tile, picked at run time

template <int R>
void real_tile_rows(const RealTile& t) {
  if constexpr (R > 0) {
    if (t.rows < R) return real_tile_rows<R - 1>(t);
    static_assert(Isa::kVectors == 2 || Isa::kVectors == 3);
    if (t.vectors == 1) return real_tile<R, 1>(t);
    if (t.vectors == 2) return real_tile<R, 2>(t);
    if constexpr (Isa::kVectors == 3) return real_tile<R, 3>(t);
  }
}

template <int R>
void step_tile_rows(const StepTile& t) {
  if constexpr (R > 0) {
    if (t.rows < R) return step_tile_rows<R - 1>(t);
    if (t.vectors == 1) return step_tile<R, 1>(t);
    if (t.vectors == 2) return step_tile<R, 2>(t);
    if constexpr (Isa::kVectors == 3) return step_tile<R, 3>(t);
  }
}

template <int P>
void real_strip_pixels(const RealStrip& t) {
  if constexpr (P > 0) t.pixels < P ? real_strip_pixels<P - 1>(t) : real_strip<P>(t);
}
template <int P>
void step_strip_pixels(const StepStrip& t) {
  if constexpr (P > 0) t.pixels < P ? step_strip_pixels<P - 1>(t) : step_strip<P>(t);
}

static_assert(Isa::kRows <= kTileRows);

constexpr TileLoops make_loops(const char* name) {
  return {name,
          Isa::kRows,
          kLanes,
          Isa::kVectors,
          Isa::kGroup,
          real_tile_rows<Isa::kRows>,
          step_tile_rows<Isa::kRows>,
          real_strip_pixels<kStripPixels>,
          step_strip_pixels<kStripPixels>};
}

}  // namespace
}  // namespace nnapi::host
