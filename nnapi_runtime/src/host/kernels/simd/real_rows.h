// Rows of a 3x3 depthwise convolution of real numbers: the window slides over its input in
// registers, so every input is loaded once for each row that sees it. For instruction sets with
// registers enough: nine weights, nine inputs, and sums.
//
// Weights come as for strips.
#pragma once

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

struct RealColumn {
  Reals row[3];
};

// Up to kLanes channels, beginning with channel c.
template <bool kWhole>
struct RealRowBlock {
  const RealRow t;  // a copy: stores could change what is seen by reference
  int64_t c, n;
  Reals bias, weights[9];
  Reals low, high;

  RealRowBlock(const RealRow& row, const float* w, int64_t channel)
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
  [[gnu::always_inline]] RealColumn column(int64_t ix) const {
    RealColumn made;
    if (ix < 0 || ix >= t.in_width) {
      made.row[0] = made.row[1] = made.row[2] = Reals{};
      return made;
    }
#pragma GCC unroll 3
    for (int ky = 0; ky < 3; ++ky)
      made.row[ky] = load_channels(t.rows[ky] + ix * t.row_steps[ky] + c);
    return made;
  }
  [[gnu::always_inline]] void put(int64_t ox, const RealColumn& left, const RealColumn& middle,
                                  const RealColumn& right) const {
    // Three chains of additions.
    Reals first = bias + left.row[0] * weights[0];
    Reals second = middle.row[0] * weights[1];
    Reals third = right.row[0] * weights[2];
#pragma GCC unroll 3
    for (int ky = 1; ky < 3; ++ky) {
      first += left.row[ky] * weights[3 * ky];
      second += middle.row[ky] * weights[3 * ky + 1];
      third += right.row[ky] * weights[3 * ky + 2];
    }
    const Reals result = clamp(first + (second + third), low, high);
    float* out = t.output + ox * t.channels + c;
    if (kWhole)
      store(out, result);
    else
      Isa::store_part(out, result, n);
  }

  [[gnu::always_inline]] void run() const {
    int64_t ix = -t.before;
    RealColumn left = column(ix);
    if (t.stride == 2) {
      for (int64_t ox = 0; ox < t.out_width; ++ox, ix += 2) {
        const RealColumn middle = column(ix + 1), right = column(ix + 2);
        put(ox, left, middle, right);
        left = right;
      }
      return;
    }
    RealColumn middle = column(ix + 1);
    for (int64_t ox = 0; ox < t.out_width; ++ox, ++ix) {
      const RealColumn right = column(ix + 2);
      put(ox, left, middle, right);
      left = middle;
      middle = right;
    }
  }
};

void real_row(const RealRow& t) {
  const float* w = t.blocks;
  int64_t c = 0;
  for (; c + kLanes <= t.channels; c += kLanes, w += 10 * kLanes) RealRowBlock<true>(t, w, c).run();
  if (c < t.channels) RealRowBlock<false>(t, w, c).run();
}

}  // namespace
}  // namespace nnapi::host
