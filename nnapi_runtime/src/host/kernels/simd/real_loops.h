// Tiles and strips of real numbers, for the instruction set that includes this; see vectors.h.
#pragma once

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

// Adds the products of input channels [k, k + U), each to sums of its own.
template <int R, int V, int U>
[[gnu::always_inline]] inline void add_channels(Reals (&sum)[U][R][V], const float* const (&x)[R],
                                                int64_t k, const float* w) {
#pragma GCC unroll 16
  for (int u = 0; u < U; ++u) {
    Reals weights[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) weights[v] = load<Reals>(w + (u * V + v) * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const float input = x[r][k + u];
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) sum[u][r][v] += input * weights[v];
    }
  }
}

// Output pixels [first, first + R) times the panel, which is V vectors wide. A multiplier takes
// several cycles to add to a sum, so small tiles have more sums than one for each output.
//
// `soon` is memory that will be needed soon, as much as one vector for each channel: the next panel
// comes from far away otherwise.
template <bool kEven, int R, int V>
void real_tile(const RealTiles& t, int first, const float* soon) {
  constexpr int U = R * V >= 8 ? 1 : R * V >= 4 ? 2 : 4;
  Reals sum[U][R][V] = {};
  const float* w = t.panel;
#pragma GCC unroll 16
  for (int v = 0; v < V; ++v) {
    const Reals bias = load<Reals>(w + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sum[0][r][v] = bias;
  }
  w += V * kLanes;
  Pixels<const float> inputs = t.inputs.template after<kEven>(first);
  for (int64_t tap = 0; tap < t.taps; ++tap, inputs.table += kEven ? 0 : t.input_step) {
    const float* x[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) x[r] = inputs.template at<kEven>(r) + t.first_channel;
    int64_t k = 0;
    for (; k + U <= t.depth; k += U, w += U * V * kLanes) {
      if constexpr (R * V >= 12) {
        __builtin_prefetch(soon);
        soon += kLanes;
      }
      add_channels<R, V, U>(sum, x, k, w);
    }
    if constexpr (U > 1) {
      for (; k < t.depth; ++k, w += V * kLanes)
        add_channels<R, V, 1>(reinterpret_cast<Reals(&)[1][R][V]>(sum[0]), x, k, w);
    }
  }
#pragma GCC unroll 16
  for (int u = 1; u < U; ++u)
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) sum[0][r][v] += sum[u][r][v];
  const Reals low = all(t.range.low), high = all(t.range.high);
  const int last = t.columns - (V - 1) * kLanes;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    float* out = t.outputs.template at<kEven>(first + r) + t.first_column;
#pragma GCC unroll 16
    for (int v = 0; v < V - 1; ++v) store(out + v * kLanes, clamp(sum[0][r][v], low, high));
    store_some(out + (V - 1) * kLanes, clamp(sum[0][r][V - 1], low, high), last);
  }
}

template <bool kEven, int R, int V>
inline void real_tile_of(const RealTiles& t, int first, int rows, const float* soon) {
  if constexpr (R > 1) {
    if (rows < R) return real_tile_of<kEven, R - 1, V>(t, first, rows, soon);
  }
  real_tile<kEven, R, V>(t, first, soon);
}

template <bool kEven, int V>
void real_tiles_at(const RealTiles& t) {
  const TileCut cut(t.pixels, Isa::kRealRows[V - 1]);
  const int64_t vectors = t.taps * t.depth;
  const float* const next = t.panel + (1 + vectors) * V * kLanes;
  int first = 0;
  for (int tile = 0; tile < cut.tiles; ++tile) {
    const int rows = cut.rows + (tile < cut.taller ? 1 : 0);
    const float* soon = tile < V ? next + tile * vectors * kLanes : t.panel;
    real_tile_of<kEven, Isa::kRealRows[V - 1], V>(t, first, rows, soon);
    first += rows;
  }
}

template <int V>
void real_tiles_of(const RealTiles& t) {
  if constexpr (V > 1) {
    if (t.vectors < V) return real_tiles_of<V - 1>(t);
  }
  t.inputs.table ? real_tiles_at<false, V>(t) : real_tiles_at<true, V>(t);
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
  if constexpr (P > 1) {
    if (t.pixels < P) return real_strip<P - 1>(t);
  }
  const float* w = t.blocks;
  int64_t c = 0;
  for (; c + 2 * kLanes <= t.channels; c += 2 * kLanes, w += 2 * (1 + t.taps) * kLanes)
    real_strip_blocks<P, 2>(t, w, c, 2 * kLanes);
  for (; c < t.channels; c += kLanes, w += (1 + t.taps) * kLanes)
    real_strip_blocks<P, 1>(t, w, c, t.channels - c);
}

}  // namespace
}  // namespace nnapi::host
