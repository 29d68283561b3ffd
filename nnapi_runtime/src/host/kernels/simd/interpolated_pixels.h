// Pixels that are mixtures of two others, as an enlarged image has them: those that are made of the
// same two are made one after the other, from registers.
#pragma once

#include "host/kernels/simd/vectors.h"

namespace nnapi::host {
namespace {

inline Reals mixture(Reals a, Reals b, const MixShares& shares) {
  return a * shares.of_a + b * shares.of_b;
}

// V vectors of channels, the last of which ends with the last channel at the latest.
template <int V>
inline void mix_wide(const PixelMixes& t, const MixRun& run, int64_t channel) {
  const int64_t last = t.channels - kLanes, step = t.output_step;
  Reals a[V], b[V];
  int64_t at[V];
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) {
    at[v] = channel + v * kLanes < last ? channel + v * kLanes : last;
    a[v] = load<Reals>(t.row + run.a + at[v]);
    b[v] = load<Reals>(t.row + run.b + at[v]);
  }
  const MixShares *shares = t.shares + run.begin, *const end = t.shares + run.end;
  for (float* to = t.output + run.begin * step; shares < end; ++shares, to += step)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(to + at[v], mixture(a[v], b[v], *shares));
}

// Of less than a vector of channels: what a pixel has superfluous is overwritten by the next ones,
// where these are beside it.
inline void mix_narrow(const PixelMixes& t, const MixRun& run, int64_t whole) {
  const Reals a = load<Reals>(t.row + run.a), b = load<Reals>(t.row + run.b);
  float* to = t.output + run.begin * t.output_step;
  for (int64_t pixel = run.begin; pixel < run.end; ++pixel, to += t.output_step)
    if (pixel < whole)
      store(to, mixture(a, b, t.shares[pixel]));
    else
      Isa::store_part(to, mixture(a, b, t.shares[pixel]), t.channels);
}

void mix_pixels(const PixelMixes& given) {
  const PixelMixes t = given;  // a copy: stores could change what is seen by reference
  const MixRun* const end = t.runs + t.count;
  if (t.channels < kLanes) {
    const int64_t pixels = end[-1].end;
    const int64_t whole = t.output_step == t.channels ? pixels - (kLanes - 1) / t.channels : 0;
    for (const MixRun* run = t.runs; run < end; ++run) mix_narrow(t, *run, whole);
    return;
  }
  for (const MixRun* run = t.runs; run < end; ++run) {
    int64_t c = 0;
    for (; c + kLanes < t.channels; c += 2 * kLanes) mix_wide<2>(t, *run, c);
    if (c < t.channels) mix_wide<1>(t, *run, c);
  }
}

}  // namespace
}  // namespace nnapi::host
