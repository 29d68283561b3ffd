// Rows of a 3x3 depthwise convolution of real numbers: the window slides over its input in
// registers, so every input is loaded once for each row that sees it, or for two such rows. For
// instruction sets with registers enough: nine weights, twelve inputs, and sums.
//
// Weights come as for strips.
#pragma once

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

// Up to kLanes channels of kRows output rows, beginning with channel c.
template <bool kWhole, int kRows>
struct FloatRowBlock {
  static constexpr int kInputs = kRows + 2;
  struct Column {
    Reals row[kInputs];
  };

  const FloatRow t;  // a copy: stores could change what is seen by reference
  int64_t c, n;
  Reals bias, weights[9];
  Reals low, high;

  FloatRowBlock(const FloatRow& row, const float* w, int64_t channel)
      : t(row),
        c(channel),
        n(row.channels - channel),
        bias(load<Reals>(w)),
        low(all(row.range.low)),
        high(all(row.range.high)) {
    for (int i = 0; i < 9; ++i) weights[i] = load<Reals>(w + (1 + i) * kLanes);
  }

  [[gnu::always_inline]] Reals load_channels(const float* p) const {
    return kWhole ? load<Reals>(p) : Isa::template load_part<Reals>(p, n);
  }
  [[gnu::always_inline]] Column column(int64_t ix) const {
    Column made;
    if (ix < 0 || ix >= t.in_width) {
#pragma GCC unroll 4
      for (int ky = 0; ky < kInputs; ++ky) made.row[ky] = Reals{};
      return made;
    }
#pragma GCC unroll 4
    for (int ky = 0; ky < kInputs; ++ky)
      made.row[ky] = load_channels(t.rows[ky] + ix * t.row_steps[ky] + c);
    return made;
  }
  [[gnu::always_inline]] void put(int64_t ox, const Column& left, const Column& middle,
                                  const Column& right) const {
    put_row<0>(t.output + ox * t.channels + c, left, middle, right);
    if constexpr (kRows == 2) put_row<1>(t.next_output + ox * t.channels + c, left, middle, right);
  }
  template <int kTop>
  [[gnu::always_inline]] void put_row(float* out, const Column& left, const Column& middle,
                                      const Column& right) const {
    // Three chains of additions.
    Reals first = bias + left.row[kTop] * weights[0];
    Reals second = middle.row[kTop] * weights[1];
    Reals third = right.row[kTop] * weights[2];
#pragma GCC unroll 3
    for (int ky = 1; ky < 3; ++ky) {
      first += left.row[kTop + ky] * weights[3 * ky];
      second += middle.row[kTop + ky] * weights[3 * ky + 1];
      third += right.row[kTop + ky] * weights[3 * ky + 2];
    }
    const Reals result = clamp(first + (second + third), low, high);
    if (kWhole)
      store(out, result);
    else
      Isa::store_part(out, result, n);
  }

  [[gnu::always_inline]] void run() const {
    int64_t ix = -t.before;
    Column left = column(ix);
    if (kRows == 1 && t.stride == 2) {
      for (int64_t ox = 0; ox < t.out_width; ++ox, ix += 2) {
        const Column middle = column(ix + 1), right = column(ix + 2);
        put(ox, left, middle, right);
        left = right;
      }
      return;
    }
    Column middle = column(ix + 1);
    for (int64_t ox = 0; ox < t.out_width; ++ox, ++ix) {
      const Column right = column(ix + 2);
      put(ox, left, middle, right);
      left = middle;
      middle = right;
    }
  }
};

template <int kRows>
void float_rows(const FloatRow& t) {
  const float* w = t.blocks;
  int64_t c = 0;
  for (; c + kLanes <= t.channels; c += kLanes, w += 10 * kLanes)
    FloatRowBlock<true, kRows>(t, w, c).run();
  if (c < t.channels) FloatRowBlock<false, kRows>(t, w, c).run();
}

void float_row(const FloatRow& t) { t.next_output ? float_rows<2>(t) : float_rows<1>(t); }

}  // namespace
}  // namespace nnapi::host
