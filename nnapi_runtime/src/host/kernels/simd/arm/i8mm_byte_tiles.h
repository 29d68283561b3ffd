// Tiles of 8-bit steps by products of matrices: an instruction multiplies two rows of eight inputs
// by two columns of eight weights. Panels have groups of eight input channels.
#pragma once

#include "host/kernels/simd/byte_convolution_loops.h"

namespace nnapi::host {
namespace {

constexpr int kMatrixDepth = 8;

typedef int8_t MatrixBytes __attribute__((vector_size(16)));

// The sums of two output pixels with V vectors of columns: each vector has two columns of the
// first, then of the second.
template <int V>
struct MatrixSums {
  Ints pair[2 * V];

  [[gnu::always_inline]] void start(const char* bias, int32_t first_term, int32_t second_term) {
    const auto terms = Ints{first_term, first_term, second_term, second_term};
#pragma GCC unroll 8
    for (int i = 0; i < 2 * V; ++i) {
      const auto two = vld1_s32(reinterpret_cast<const int32_t*>(bias) + 2 * i);
      pair[i] = reinterpret_cast<Ints>(vcombine_s32(two, two)) + terms;
    }
  }
  // In columns: those of the first pixel, and of the second.
  [[gnu::always_inline]] void part(Ints (&first)[V], Ints (&second)[V]) const {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const auto low = reinterpret_cast<int64x2_t>(pair[2 * v]),
                 high = reinterpret_cast<int64x2_t>(pair[2 * v + 1]);
      first[v] = reinterpret_cast<Ints>(vzip1q_s64(low, high));
      second[v] = reinterpret_cast<Ints>(vzip2q_s64(low, high));
    }
  }
};

// Adds the products of one group. `volatile` as in NeonVectors::add_channels.
template <int P, int V>
[[gnu::always_inline]] inline void add_matrices(MatrixSums<V> (&sum)[P], const int8_t* w,
                                                const MatrixBytes (&x)[P]) {
#pragma GCC unroll 8
  for (int i = 0; i < 2 * V; ++i) {
    const auto weights = load<MatrixBytes>(w + 16 * i);
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p)
      asm volatile("smmla %0.4s, %1.16b, %2.16b" : "+w"(sum[p].pair[i]) : "w"(x[p]), "w"(weights));
  }
}

[[gnu::always_inline]] inline MatrixBytes rows_beside(uint64_t first, uint64_t second) {
  return reinterpret_cast<MatrixBytes>(vcombine_u64(vcreate_u64(first), vcreate_u64(second)));
}

// The first n of eight inputs; what is behind them is not read.
inline uint64_t first_inputs(const uint8_t* p, int64_t n) {
  uint64_t word = 0;
  for (int64_t i = 0; i < n; ++i) word |= static_cast<uint64_t>(p[i]) << (8 * i);
  return word;
}

// Output pixels [first, first + R) times the panel, which is V vectors wide. Where R is odd, the
// last pixel is the other one of its pair as well.
template <bool kEven, int R, int V>
void matrix_tile(const ByteTiles& t, int first, const char* soon) {
  constexpr int P = (R + 1) / 2;
  MatrixSums<V> sum[P];
  const auto* panel = static_cast<const char*>(t.panel);
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    const int a = first + 2 * p, b = first + (2 * p + 1 < R ? 2 * p + 1 : R - 1);
    sum[p].start(panel, t.row_terms ? t.row_terms[a] : 0, t.row_terms ? t.row_terms[b] : 0);
  }
  const char* factors = panel + V * sizeof(Ints);
  const auto* w = reinterpret_cast<const int8_t*>(factors + V * sizeof(Reals));
  const Isa::Weights flips = Isa::flips(t.flip);
  constexpr int64_t kStep = V * kLanes * kMatrixDepth;
  Pixels<const uint8_t> inputs = t.inputs.template after<kEven>(first);
  for (int64_t tap = 0; tap < t.taps; ++tap, inputs.table += kEven ? 0 : t.input_step) {
    const uint8_t* x[2 * P];
#pragma GCC unroll 16
    for (int r = 0; r < 2 * P; ++r)
      x[r] = inputs.template at<kEven>(r < R ? r : R - 1) + t.first_channel;
    int64_t k = 0;
    for (; k + 2 * kMatrixDepth <= t.depth; k += 2 * kMatrixDepth, w += 2 * kStep) {
      if constexpr (R * V >= 12) {
        __builtin_prefetch(soon);
        __builtin_prefetch(soon + kLanes * kMatrixDepth);
        soon += 2 * kLanes * kMatrixDepth;
      }
      MatrixBytes near[P], far[P];
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        const auto a = reinterpret_cast<int64x2_t>(Isa::load_inputs(x[2 * p] + k) ^ flips),
                   b = reinterpret_cast<int64x2_t>(Isa::load_inputs(x[2 * p + 1] + k) ^ flips);
        near[p] = reinterpret_cast<MatrixBytes>(vzip1q_s64(a, b));
        far[p] = reinterpret_cast<MatrixBytes>(vzip2q_s64(a, b));
      }
      add_matrices(sum, w, near);
      add_matrices(sum, w + kStep, far);
    }
    for (; k < t.depth; k += kMatrixDepth, w += kStep) {
      MatrixBytes both[P];
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        const int64_t left = t.depth - k;
        both[p] = (left >= kMatrixDepth
                       ? rows_beside(load<uint64_t>(x[2 * p] + k), load<uint64_t>(x[2 * p + 1] + k))
                       : rows_beside(first_inputs(x[2 * p] + k, left),
                                     first_inputs(x[2 * p + 1] + k, left))) ^
                  flips;
      }
      add_matrices(sum, w, both);
    }
  }
  const typename Isa::template ByteStore<V> steps(factors, t.out, t.columns);
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    Ints one[V], other[V];
    sum[p].part(one, other);
    steps(t.outputs.template at<kEven>(first + 2 * p) + t.first_column, one);
    if (2 * p + 1 < R)
      steps(t.outputs.template at<kEven>(first + 2 * p + 1) + t.first_column, other);
  }
}

template <bool kEven, int R, int V>
inline void matrix_tile_of(const ByteTiles& t, int first, int rows, const char* soon) {
  if constexpr (R > 1) {
    if (rows < R) return matrix_tile_of<kEven, R - 1, V>(t, first, rows, soon);
  }
  matrix_tile<kEven, R, V>(t, first, soon);
}

template <bool kEven, int V>
void matrix_tiles_at(const ByteTiles& t) {
  const TileCut cut(t.pixels, Isa::kMatrixRows[V - 1]);
  const int64_t groups = t.taps * ((t.depth + kMatrixDepth - 1) / kMatrixDepth);
  const int64_t vector_bytes = groups * (kLanes * kMatrixDepth);
  const auto* panel = static_cast<const char*>(t.panel);
  const char* const next = panel + V * (kLanes * 8 + vector_bytes);
  int first = 0;
  for (int tile = 0; tile < cut.tiles; ++tile) {
    const int rows = cut.rows + (tile < cut.taller ? 1 : 0);
    const char* soon = tile < V ? next + tile * vector_bytes : panel;
    matrix_tile_of<kEven, Isa::kMatrixRows[V - 1], V>(t, first, rows, soon);
    first += rows;
  }
}

template <int V>
void matrix_tiles_of(const ByteTiles& t) {
  if constexpr (V > 1) {
    if (t.vectors < V) return matrix_tiles_of<V - 1>(t);
  }
  t.inputs.table ? matrix_tiles_at<false, V>(t) : matrix_tiles_at<true, V>(t);
}

}  // namespace
}  // namespace nnapi::host
