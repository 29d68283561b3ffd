// Tiles and strips of real numbers, for the instruction set that includes this; see vectors.h.
#pragma once

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

constexpr int64_t kDepthThatHides = 64;

// As many real numbers as a panel has columns: V vectors, the last of which may be half of one.
template <int V, bool kHalf>
struct Columns {
  static constexpr int kWhole = kHalf ? V - 1 : V;
  static constexpr int kWidth = V * kLanes - (kHalf ? kLanes / 2 : 0);
  Reals whole[V];  // kWhole of them
  HalfReals half;

  [[gnu::always_inline]] static Columns load_from(const float* p) {
    Columns made;
#pragma GCC unroll 16
    for (int v = 0; v < kWhole; ++v) made.whole[v] = load<Reals>(p + v * kLanes);
    if constexpr (kHalf) made.half = load<HalfReals>(p + kWhole * kLanes);
    return made;
  }
  [[gnu::always_inline]] void clear() {
#pragma GCC unroll 16
    for (int v = 0; v < kWhole; ++v) whole[v] = Reals{};
    if constexpr (kHalf) half = HalfReals{};
  }
  [[gnu::always_inline]] void add(const Columns& other) {
#pragma GCC unroll 16
    for (int v = 0; v < kWhole; ++v) whole[v] += other.whole[v];
    if constexpr (kHalf) half += other.half;
  }
  [[gnu::always_inline]] void add_product(float input, const Columns& weights) {
#pragma GCC unroll 16
    for (int v = 0; v < kWhole; ++v) whole[v] += input * weights.whole[v];
    if constexpr (kHalf) half += input * weights.half;
  }
  // The last vector has n elements that exist.
  [[gnu::always_inline]] void store_to(float* out, int n, Reals low, Reals high) const {
#pragma GCC unroll 16
    for (int v = 0; v < V - 1; ++v) store(out + v * kLanes, clamp(whole[v], low, high));
    if constexpr (kHalf)
      Isa::store_part(out + kWhole * kLanes, clamp(widened(half), low, high), n);
    else
      store_some(out + (V - 1) * kLanes, clamp(whole[V - 1], low, high), n);
  }
};

// Adds the products of input channels [k, k + U), each to sums of its own. Inputs are spread from
// memory.
template <int R, int U, class Sum>
[[gnu::always_inline]] inline void add_channels(Sum (&sum)[U][R], const float* const (&x)[R],
                                                int64_t k, const float* w) {
#pragma GCC unroll 16
  for (int u = 0; u < U; ++u) {
    const Sum weights = Sum::load_from(w + u * Sum::kWidth);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sum[u][r].add_product(x[r][k + u], weights);
  }
}

// The same of input channels [k, k + Isa::kFloatInputs), which are loaded at once, each added to
// one of the U sums in turn. Looked into only where there are such inputs.
template <class LaneIsa, int R, int U, class Sum>
[[gnu::always_inline]] inline void add_loaded_channels(Sum (&sum)[U][R], const float* const (&x)[R],
                                                       int64_t k, const float* w) {
  Reals inputs[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) inputs[r] = load<Reals>(x[r] + k);
  LaneIsa::add_channels(sum, w, inputs);
}

// Output pixels [first, first + R) times the panel, which is V vectors wide. A multiplier takes
// several cycles to add to a sum, so small tiles have more sums than one for each output.
//
// `soon` is memory that will be needed soon, as much as one vector for each channel: the next panel
// comes from far away otherwise.
template <bool kEven, int R, int V, bool kHalf>
void float_tile(const FloatTiles& t, int first, const float* soon) {
  using Sum = Columns<V, kHalf>;
  constexpr int U = R * V >= 8 ? 1 : R * V >= 4 ? 2 : 4;
  constexpr int kInputs = Isa::kFloatInputs > 1 ? Isa::kFloatInputs : U;
  Sum sum[U][R];
  const float* w = t.panel;
  const Sum bias = Sum::load_from(w);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) sum[0][r] = bias;
#pragma GCC unroll 16
  for (int u = 1; u < U; ++u)
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sum[u][r].clear();
  w += Sum::kWidth;
  // Memory that is about to be written may be far away: it comes while the sums are made.
  if (t.taps * t.depth >= kDepthThatHides) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const float* out = t.outputs.template at<kEven>(first + r) + t.first_column;
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) __builtin_prefetch(out + v * kLanes, 1);
    }
  }
  Pixels<const float> inputs = t.inputs.template after<kEven>(first);
  for (int64_t tap = 0; tap < t.taps; ++tap, inputs.table += kEven ? 0 : t.input_step) {
    const float* x[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) x[r] = inputs.template at<kEven>(r) + t.first_channel;
    int64_t k = 0;
    for (; k + kInputs <= t.depth; k += kInputs, w += kInputs * Sum::kWidth) {
      if constexpr (R * V >= 12) {
        __builtin_prefetch(soon);
        soon += kInputs * kLanes;
      }
      if constexpr (Isa::kFloatInputs > 1)
        add_loaded_channels<Isa>(sum, x, k, w);
      else
        add_channels(sum, x, k, w);
    }
    if constexpr (kInputs > 1) {
      for (; k < t.depth; ++k, w += Sum::kWidth)
        add_channels(reinterpret_cast<Sum(&)[1][R]>(sum[0]), x, k, w);
    }
  }
#pragma GCC unroll 16
  for (int u = 1; u < U; ++u)
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sum[0][r].add(sum[u][r]);
  const Reals low = all(t.range.low), high = all(t.range.high);
  const int last = t.columns - (V - 1) * kLanes;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    sum[0][r].store_to(t.outputs.template at<kEven>(first + r) + t.first_column, last, low, high);
}

template <bool kEven, int R, int V, bool kHalf>
inline void float_tile_of(const FloatTiles& t, int first, int rows, const float* soon) {
  if constexpr (R > 1) {
    if (rows < R) return float_tile_of<kEven, R - 1, V, kHalf>(t, first, rows, soon);
  }
  float_tile<kEven, R, V, kHalf>(t, first, soon);
}

template <bool kEven, int V, bool kHalf>
void float_tiles_at(const FloatTiles& t) {
  const TileCut cut(t.pixels, Isa::kRealRows[V - 1]);
  const int64_t vectors = t.taps * t.depth;
  const float* const next = t.panel + (1 + vectors) * Columns<V, kHalf>::kWidth;
  int first = 0;
  for (int tile = 0; tile < cut.tiles; ++tile) {
    const int rows = cut.rows + (tile < cut.taller ? 1 : 0);
    const float* soon = tile < V ? next + tile * vectors * kLanes : t.panel;
    float_tile_of<kEven, Isa::kRealRows[V - 1], V, kHalf>(t, first, rows, soon);
    first += rows;
  }
}

template <int V, bool kHalf>
void float_tiles_of_width(const FloatTiles& t) {
  t.inputs.table ? float_tiles_at<false, V, kHalf>(t) : float_tiles_at<true, V, kHalf>(t);
}

template <int V>
void float_tiles_of(const FloatTiles& t) {
  if constexpr (V > 1) {
    if (t.vectors < V) return float_tiles_of<V - 1>(t);
  }
  if constexpr (Isa::kHalves) {
    if (t.half) return float_tiles_of_width<V, true>(t);
  }
  float_tiles_of_width<V, false>(t);
}

// Channels in pairs of blocks where there are two, which halves the reading of input addresses.
template <int P, int B>
inline void float_strip_blocks(const FloatStrip& t, const float* w, int64_t first, int64_t n) {
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
void float_strip(const FloatStrip& t) {
  if constexpr (P > 1) {
    if (t.pixels < P) return float_strip<P - 1>(t);
  }
  const float* w = t.blocks;
  int64_t c = 0;
  for (; c + 2 * kLanes <= t.channels; c += 2 * kLanes, w += 2 * (1 + t.taps) * kLanes)
    float_strip_blocks<P, 2>(t, w, c, 2 * kLanes);
  for (; c < t.channels; c += kLanes, w += (1 + t.taps) * kLanes)
    float_strip_blocks<P, 1>(t, w, c, t.channels - c);
}

}  // namespace
}  // namespace nnapi::host
