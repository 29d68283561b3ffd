// Tiles and strips of 8-bit steps, for the instruction set that includes this; see vectors.h.
#pragma once

#include <type_traits>

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

// Sums of a panel's columns: V vectors, the last of which may be half of one.
template <int V, bool kHalf>
struct ByteColumns {
  static constexpr int kWhole = kHalf ? V - 1 : V;
  static constexpr int kWidth = V * kLanes - (kHalf ? kLanes / 2 : 0);
  Ints whole[V];  // kWhole of them
  HalfInts half;

  [[gnu::always_inline]] static ByteColumns load_from(const char* p) {
    ByteColumns made;
#pragma GCC unroll 16
    for (int v = 0; v < kWhole; ++v) made.whole[v] = load<Ints>(p + v * sizeof(Ints));
    if constexpr (kHalf) made.half = load<HalfInts>(p + kWhole * sizeof(Ints));
    return made;
  }
  [[gnu::always_inline]] void add(int32_t term) {
#pragma GCC unroll 16
    for (int v = 0; v < kWhole; ++v) whole[v] += term;
    if constexpr (kHalf) half += term;
  }
  [[gnu::always_inline]] void add(const ByteColumns& other) {
#pragma GCC unroll 16
    for (int v = 0; v < kWhole; ++v) whole[v] += other.whole[v];
    if constexpr (kHalf) half += other.half;
  }
  [[gnu::always_inline]] void clear() {
#pragma GCC unroll 16
    for (int v = 0; v < kWhole; ++v) whole[v] = Ints{};
    if constexpr (kHalf) half = HalfInts{};
  }
  // All vectors whole.
  [[gnu::always_inline]] void widen() {
    if constexpr (kHalf) whole[V - 1] = widened(half);
  }
};

// Looked into only where panels end in half vectors: other instruction sets need no half_dot.
template <bool kHalf>
using HalfIsa = std::conditional_t<kHalf, Isa, void>;

// Adds the products of one group of input channels.
template <int R, int V, bool kHalf, class Inputs>
[[gnu::always_inline]] inline void add_group(ByteColumns<V, kHalf> (&sum)[R], const int8_t* w,
                                             typename Isa::Weights flips, Inputs inputs) {
  constexpr int kWhole = ByteColumns<V, kHalf>::kWhole;
  typename Isa::Weights weights[V];
#pragma GCC unroll 16
  for (int v = 0; v < kWhole; ++v) weights[v] = Isa::load_weights(w + v * kLanes * Isa::kGroup);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    const auto x = inputs(r) ^ flips;
#pragma GCC unroll 16
    for (int v = 0; v < kWhole; ++v) sum[r].whole[v] = Isa::dot(sum[r].whole[v], weights[v], x);
    if constexpr (kHalf)
      sum[r].half = HalfIsa<kHalf>::half_dot(sum[r].half, w + kWhole * kLanes * Isa::kGroup, x);
  }
}

// The same of Isa::kInputGroups groups whose inputs are loaded at once, each added to one of the U
// sums in turn. Looked into only where there are such inputs.
template <class LaneIsa, int R, int U, class Sum>
[[gnu::always_inline]] inline void add_loaded_groups(Sum (&sum)[U][R], const int8_t* w,
                                                     typename Isa::Weights flips,
                                                     const uint8_t* const (&x)[R], int64_t k) {
  typename LaneIsa::Inputs inputs[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) inputs[r] = LaneIsa::load_inputs(x[r] + k) ^ flips;
  LaneIsa::add_groups(sum, w, inputs);
}

// Adds the products of as many whole groups' inputs from channel k on as can be loaded at once, up
// to channel `end`; goes on with k and w.
template <class LaneIsa, int R, class Sum>
[[gnu::always_inline]] inline void add_by_lane(Sum (&sum)[R], const int8_t*& w,
                                               typename Isa::Weights flips,
                                               const uint8_t* const (&x)[R], int64_t& k,
                                               int64_t end, const char*& soon) {
  constexpr int V = Sum::kWhole, U = R * V >= 8 ? 1 : R * V >= 4 ? 2 : 4;
  constexpr int kInputs = LaneIsa::kInputGroups * LaneIsa::kGroup;
  Sum sums[U][R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) sums[0][r] = sum[r];
#pragma GCC unroll 4
  for (int u = 1; u < U; ++u)
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sums[u][r].clear();
  for (; k + kInputs <= end; k += kInputs, w += kInputs * Sum::kWidth) {
    if constexpr (R * V >= 12) {
      __builtin_prefetch(soon);
      soon += kInputs * kLanes;
    }
    add_loaded_groups<LaneIsa>(sums, w, flips, x, k);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) sum[r] = sums[0][r];
#pragma GCC unroll 4
  for (int u = 1; u < U; ++u)
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sum[r].add(sums[u][r]);
}

// Output pixels [first, first + R) times the panel, which is V vectors wide. Where the sums are
// few, there are several of each, as in float_convolution_loops.h; `soon` is memory that will be
// needed soon.
template <bool kEven, int R, int V, bool kHalf>
void byte_tile(const ByteTiles& t, int first, const char* soon) {
  using Sum = ByteColumns<V, kHalf>;
  Sum sum[R];
  const auto* panel = static_cast<const char*>(t.panel);
  const Sum bias = Sum::load_from(panel);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) sum[r] = bias;
  if (t.row_terms) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sum[r].add(t.row_terms[first + r]);
  }
  const char* factors = panel + Sum::kWidth * sizeof(int32_t);
  const auto* w = reinterpret_cast<const int8_t*>(factors + Sum::kWidth * sizeof(float));
  const typename Isa::Weights flips = Isa::flips(t.flip);
  constexpr int64_t kStep = Sum::kWidth * Isa::kGroup;
  constexpr int U = R * V >= 4 ? 1 : 4;
  const int64_t whole = t.depth / Isa::kGroup * Isa::kGroup;
  Pixels<const uint8_t> inputs = t.inputs.template after<kEven>(first);
  for (int64_t tap = 0; tap < t.taps; ++tap, inputs.table += kEven ? 0 : t.input_step) {
    const uint8_t* x[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) x[r] = inputs.template at<kEven>(r) + t.first_channel;
    int64_t k = 0;
    if constexpr (Isa::kInputGroups > 1) {
      add_by_lane<Isa>(sum, w, flips, x, k, whole, soon);
    } else if constexpr (U > 1) {
      Sum more[U - 1][R];
#pragma GCC unroll 4
      for (int u = 1; u < U; ++u)
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) more[u - 1][r].clear();
      for (; k + U * Isa::kGroup <= whole; k += U * Isa::kGroup, w += U * kStep) {
#pragma GCC unroll 4
        for (int u = 0; u < U; ++u)
          add_group(
              u == 0 ? sum : more[u - 1], w + u * kStep,
              flips, [&](int r) __attribute__((always_inline)) {
                return Isa::inputs(x[r] + k + u * Isa::kGroup);
              });
      }
#pragma GCC unroll 4
      for (int u = 1; u < U; ++u)
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) sum[r].add(more[u - 1][r]);
    }
    for (; k < whole; k += Isa::kGroup, w += kStep) {
      if constexpr (R * V >= 12) {
        __builtin_prefetch(soon);
        soon += kLanes * Isa::kGroup;
      }
      add_group(
          sum, w,
          flips, [&](int r) __attribute__((always_inline)) { return Isa::inputs(x[r] + k); });
    }
    // What is left of the depth: weights beyond it are zero, inputs must not be read.
    if (whole < t.depth) {
      const int left = static_cast<int>(t.depth - whole);
      add_group(
          sum, w, flips, [&](int r) __attribute__((always_inline)) {
            return Isa::inputs_end(x[r] + whole, left, t.depth);
          });
      w += kStep;
    }
  }
  const typename Isa::template ByteStore<V> steps(factors, t.out, t.columns);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    sum[r].widen();
    steps(t.outputs.template at<kEven>(first + r) + t.first_column, sum[r].whole);
  }
}

template <bool kEven, int R, int V, bool kHalf>
inline void byte_tile_of(const ByteTiles& t, int first, int rows, const char* soon) {
  if constexpr (R > 1) {
    if (rows < R) return byte_tile_of<kEven, R - 1, V, kHalf>(t, first, rows, soon);
  }
  byte_tile<kEven, R, V, kHalf>(t, first, soon);
}

template <bool kEven, int V, bool kHalf>
void byte_tiles_at(const ByteTiles& t) {
  const TileCut cut(t.pixels, Isa::kByteRows[V - 1]);
  const int64_t groups = t.taps * ((t.depth + Isa::kGroup - 1) / Isa::kGroup);
  const int64_t vector_bytes = groups * (kLanes * Isa::kGroup);
  constexpr int64_t kWidth = ByteColumns<V, kHalf>::kWidth;
  const auto* panel = static_cast<const char*>(t.panel);
  const char* const next = panel + kWidth * (8 + groups * Isa::kGroup);
  int first = 0;
  for (int tile = 0; tile < cut.tiles; ++tile) {
    const int rows = cut.rows + (tile < cut.taller ? 1 : 0);
    const char* soon = tile < V ? next + tile * vector_bytes : panel;
    byte_tile_of<kEven, Isa::kByteRows[V - 1], V, kHalf>(t, first, rows, soon);
    first += rows;
  }
}

template <int V, bool kHalf>
void byte_tiles_of_width(const ByteTiles& t) {
  t.inputs.table ? byte_tiles_at<false, V, kHalf>(t) : byte_tiles_at<true, V, kHalf>(t);
}

template <int V>
void byte_tiles_of(const ByteTiles& t) {
  if constexpr (V > 1) {
    if (t.vectors < V) return byte_tiles_of<V - 1>(t);
  }
  if constexpr (Isa::kHalves) {
    if (t.half) return byte_tiles_of_width<V, true>(t);
  }
  byte_tiles_of_width<V, false>(t);
}

template <int P>
void byte_strip(const ByteStrip& t) {
  if constexpr (P > 1) {
    if (t.pixels < P) return byte_strip<P - 1>(t);
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
        if constexpr (Isa::kSignedInputs)
          sum[p] += __builtin_convertvector(reinterpret_cast<SignedBytes>(x), Ints) * weights;
        else
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
