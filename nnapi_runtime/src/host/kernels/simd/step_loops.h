// Tiles and strips of 8-bit steps, for the instruction set that includes this; see vectors.h.
#pragma once

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

// Adds the products of one group of input channels.
template <int R, int V, class Inputs>
[[gnu::always_inline]] inline void add_group(Ints (&sum)[R][V], const int8_t* w,
                                             typename Isa::Weights flips, Inputs inputs) {
  typename Isa::Weights weights[V];
#pragma GCC unroll 16
  for (int v = 0; v < V; ++v) weights[v] = Isa::load_weights(w + v * kLanes * Isa::kGroup);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    const auto x = inputs(r) ^ flips;
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) sum[r][v] = Isa::dot(sum[r][v], weights[v], x);
  }
}

// Output pixels [first, first + R) times the panel, which is V vectors wide.
// `soon` is memory that will be needed soon, as in real_loops.h.
template <bool kEven, int R, int V>
void step_tile(const StepTiles& t, int first, const char* soon) {
  Ints sum[R][V];
  const auto* panel = static_cast<const char*>(t.panel);
#pragma GCC unroll 16
  for (int v = 0; v < V; ++v) {
    const Ints bias = load<Ints>(panel + v * sizeof(Ints));
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sum[r][v] = bias;
  }
  if (t.row_terms) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) sum[r][v] += t.row_terms[first + r];
  }
  const char* factors = panel + V * sizeof(Ints);
  const auto* w = reinterpret_cast<const int8_t*>(factors + V * sizeof(Reals));
  const typename Isa::Weights flips = Isa::flips(t.flip);
  constexpr int64_t kStep = V * kLanes * Isa::kGroup;
  const int64_t whole = t.depth / Isa::kGroup * Isa::kGroup;
  Pixels<const uint8_t> inputs = t.inputs.template after<kEven>(first);
  for (int64_t tap = 0; tap < t.taps; ++tap, inputs.table += kEven ? 0 : t.input_step) {
    const uint8_t* x[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) x[r] = inputs.template at<kEven>(r) + t.first_channel;
    for (int64_t k = 0; k < whole; k += Isa::kGroup, w += kStep) {
      if constexpr (R * V >= 12) {
        __builtin_prefetch(soon);
        soon += kLanes * Isa::kGroup;
      }
      add_group<R, V>(
          sum, w,
          flips, [&](int r) __attribute__((always_inline)) { return Isa::inputs(x[r] + k); });
    }
    // What is left of the depth: weights beyond it are zero, inputs must not be read.
    if (whole < t.depth) {
      const int left = static_cast<int>(t.depth - whole);
      add_group<R, V>(
          sum, w, flips, [&](int r) __attribute__((always_inline)) {
            return Isa::inputs_end(x[r] + whole, left, t.depth);
          });
      w += kStep;
    }
  }
  const typename Isa::template StepStore<V> steps(factors, t.out, t.columns);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    steps(t.outputs.template at<kEven>(first + r) + t.first_column, sum[r]);
}

template <bool kEven, int R, int V>
inline void step_tile_of(const StepTiles& t, int first, int rows, const char* soon) {
  if constexpr (R > 1) {
    if (rows < R) return step_tile_of<kEven, R - 1, V>(t, first, rows, soon);
  }
  step_tile<kEven, R, V>(t, first, soon);
}

template <bool kEven, int V>
void step_tiles_at(const StepTiles& t) {
  const TileCut cut(t.pixels, Isa::kStepRows[V - 1]);
  const int64_t vector_bytes =
      t.taps * ((t.depth + Isa::kGroup - 1) / Isa::kGroup) * (kLanes * Isa::kGroup);
  const auto* panel = static_cast<const char*>(t.panel);
  const char* const next = panel + V * (sizeof(Ints) + sizeof(Reals) + vector_bytes);
  int first = 0;
  for (int tile = 0; tile < cut.tiles; ++tile) {
    const int rows = cut.rows + (tile < cut.taller ? 1 : 0);
    const char* soon = tile < V ? next + tile * vector_bytes : panel;
    step_tile_of<kEven, Isa::kStepRows[V - 1], V>(t, first, rows, soon);
    first += rows;
  }
}

template <int V>
void step_tiles_of(const StepTiles& t) {
  if constexpr (V > 1) {
    if (t.vectors < V) return step_tiles_of<V - 1>(t);
  }
  t.inputs.table ? step_tiles_at<false, V>(t) : step_tiles_at<true, V>(t);
}

template <int P>
void step_strip(const StepStrip& t) {
  if constexpr (P > 1) {
    if (t.pixels < P) return step_strip<P - 1>(t);
  }
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
      store_some(t.output + p * t.channels + c, to_steps(sum[p], factors, t.out), n);
  }
}

}  // namespace
}  // namespace nnapi::host
