// Winograd's transforms, F(2x2, 3x3): what makes a 3x3 convolution of a tile of 2x2 output pixels
// 16 products for each pair of channels instead of 36.
#pragma once

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

// kLanes channels of tiles beside each other, or n of them. Neighbours share two of the four input
// columns that each sees.
template <bool kWhole>
inline void winograd_input_channels(const WinogradInputs& t, int64_t first, int64_t n) {
  struct Column {
    Reals row[4];
  };
  const auto column = [&](int64_t ix) __attribute__((always_inline)) {
    if (ix < 0 || ix >= t.in_width) return Column{};
    Reals in[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const float* from = t.rows[i] + ix * t.row_steps[i] + first;
      in[i] = kWhole ? load<Reals>(from) : Isa::template load_part<Reals>(from, n);
    }
    return Column{{in[0] - in[2], in[1] + in[2], in[2] - in[1], in[1] - in[3]}};
  };
  Column left = column(t.first), middle = column(t.first + 1);
  float* to = t.output + first;
  for (int tile = 0; tile < t.tiles; ++tile, to += t.tile_step) {
    const int64_t ix = t.first + 2 * tile;
    const Column right = column(ix + 2), next = column(ix + 3);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      float* row = to + 4 * i * t.product_step;
      store(row, left.row[i] - right.row[i]);
      store(row + t.product_step, middle.row[i] + right.row[i]);
      store(row + 2 * t.product_step, right.row[i] - middle.row[i]);
      store(row + 3 * t.product_step, middle.row[i] - next.row[i]);
    }
    left = right;
    middle = next;
  }
}

void winograd_inputs(const WinogradInputs& t) {
  int64_t c = 0;
  for (; c + kLanes <= t.channels; c += kLanes) winograd_input_channels<true>(t, c, kLanes);
  if (c < t.channels) winograd_input_channels<false>(t, c, t.channels - c);
}

// Positive zero, in all lanes.
inline bool is_zero(Reals v) {
  uint64_t words[sizeof v / 8], any = 0;
  std::memcpy(words, &v, sizeof v);
#pragma GCC unroll 8
  for (uint64_t word : words) any |= word;
  return any == 0;
}

// Output pixels of tiles beside each other. A sum of zero times everything is not zero where
// something is not finite.
void winograd_outputs(const WinogradOutputs& t) {
  const Reals low = all(t.range.low), high = all(t.range.high);
  for (int tile = 0; tile < t.tiles; ++tile) {
    const bool below = t.rows[1], beside = 2 * tile + 1 < t.width;
    Reals check = {};
    for (int v = 0; v < t.vectors; ++v) {
      const float* from = t.products + tile * t.tile_step + v * kLanes;
      Reals upper[4], lower[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i, from += t.product_step) {
        const Reals first = load<Reals>(from), second = load<Reals>(from + 4 * t.product_step),
                    third = load<Reals>(from + 8 * t.product_step),
                    fourth = load<Reals>(from + 12 * t.product_step);
        upper[i] = first + second + third;
        lower[i] = second - third - fourth;
      }
      const int64_t n = t.columns - v * kLanes;
      const auto put = [&](int row, const Reals(&sums)[4]) __attribute__((always_inline)) {
        const Reals left = sums[0] + sums[1] + sums[2], right = sums[1] - sums[2] - sums[3];
        check += left * 0.0f;
        float* out = t.rows[row] + 2 * tile * t.pixel_step + v * kLanes;
        store_some(out, clamp(left, low, high), n);
        if (!beside) return;
        check += right * 0.0f;
        store_some(out + t.pixel_step, clamp(right, low, high), n);
      };
      put(0, upper);
      if (below) put(1, lower);
    }
    t.finite[tile] = is_zero(check);
  }
}

}  // namespace
}  // namespace nnapi::host
