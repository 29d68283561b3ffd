// Depthwise convolutions of real numbers whose windows are 3, 5 or 7 wide: several neighbouring
// outputs are summed together, so in each row of the window a weight is loaded once for all of
// them, and an input once for all that see it.
//
// Weights come as for strips.
#pragma once

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

constexpr int kWindowPixels = 8;

// Up to kLanes channels, beginning with channel c.
template <bool kWhole, int kWidth, int kStride>
struct FloatWindowBlock {
  const FloatWindows t;  // a copy: stores could change what is seen by reference
  const float* w;
  int64_t c, n;
  Reals low, high;

  FloatWindowBlock(const FloatWindows& windows, const float* block, int64_t channel)
      : t(windows),
        w(block),
        c(channel),
        n(windows.channels - channel),
        low(all(windows.range.low)),
        high(all(windows.range.high)) {}

  [[gnu::always_inline]] Reals load_channels(const float* p) const {
    return kWhole ? load<Reals>(p) : Isa::template load_part<Reals>(p, n);
  }

  // P outputs, `dilation` pixels apart, of which the first sees inputs from ix on.
  template <int P>
  void sum_pixels(const float* const* rows, int64_t ix, float* out) const {
    Reals sum[P];
    const Reals bias = load<Reals>(w);
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sum[p] = bias;
    const float* of_row = w + kLanes;
    for (int64_t ky = 0; ky < t.height; ++ky, of_row += kWidth * kLanes) {
      if (!rows[ky]) continue;
      Reals weights[kWidth];
#pragma GCC unroll 8
      for (int kx = 0; kx < kWidth; ++kx) weights[kx] = load<Reals>(of_row + kx * kLanes);
      int64_t at = ix, offset = ix * t.channels + c;
#pragma GCC unroll 32
      for (int i = 0; i < (P - 1) * kStride + kWidth; ++i) {
        // Also not before the first: as unsigned numbers, those are large.
        if (static_cast<uint64_t>(at) < static_cast<uint64_t>(t.in_width)) {
          const Reals input = load_channels(rows[ky] + offset);
#pragma GCC unroll 8
          for (int p = 0; p < P; ++p)
            if (i >= p * kStride && i < p * kStride + kWidth)
              sum[p] += input * weights[i - p * kStride];
        }
        at += t.dilation;
        offset += t.dilation * t.channels;
      }
    }
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      float* const to = out + p * t.dilation * t.channels + c;
      const Reals result = clamp(sum[p], low, high);
      if (kWhole)
        store(to, result);
      else
        Isa::store_part(to, result, n);
    }
  }

  template <int P>
  void sum_up_to(int pixels, const float* const* rows, int64_t ix, float* out) const {
    if constexpr (P > 1) {
      if (pixels < P) return sum_up_to<P - 1>(pixels, rows, ix, out);
    }
    sum_pixels<P>(rows, ix, out);
  }

  void row(const float* const* rows, float* out) const {
    // With dilation, every so manieth output sees the same inputs.
    for (int64_t first = 0; first < t.dilation && first < t.out_width; ++first) {
      const int64_t pixels = (t.out_width - first + t.dilation - 1) / t.dilation;
      const TileCut cut(static_cast<int>(pixels), kWindowPixels);
      int64_t ox = first;
      for (int tile = 0; tile < cut.tiles; ++tile) {
        const int p = cut.rows + (tile < cut.taller ? 1 : 0);
        sum_up_to<kWindowPixels>(p, rows, ox * kStride - t.before, out + ox * t.channels);
        ox += p * t.dilation;
      }
    }
  }

  // A block's inputs and weights stay in the cache from row to row.
  void run() const {
    for (int64_t oy = 0; oy < t.rows; ++oy) row(t.inputs + oy * t.height, t.outputs[oy]);
  }
};

template <int kWidth, int kStride>
void float_windows_of(const FloatWindows& t) {
  const int64_t block = (1 + t.height * kWidth) * kLanes;
  const float* w = t.blocks;
  int64_t c = 0;
  for (; c + kLanes <= t.channels; c += kLanes, w += block)
    FloatWindowBlock<true, kWidth, kStride>(t, w, c).run();
  if (c < t.channels) FloatWindowBlock<false, kWidth, kStride>(t, w, c).run();
}

template <int kWidth>
void float_windows_as_wide(const FloatWindows& t) {
  t.stride == 2 ? float_windows_of<kWidth, 2>(t) : float_windows_of<kWidth, 1>(t);
}

void float_windows(const FloatWindows& t) {
  switch (t.width) {
    case 3:
      return float_windows_as_wide<3>(t);
    case 5:
      return float_windows_as_wide<5>(t);
    default:
      return float_windows_as_wide<7>(t);
  }
}

}  // namespace
}  // namespace nnapi::host
