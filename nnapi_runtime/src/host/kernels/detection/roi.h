// Pooling of regions of interest: each region of a feature map becomes an image of one size.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "host/arithmetic/image.h"
#include "host/kernels/detection/box.h"

namespace nnapi::host::reference {

// A region in cells of the feature map, and the sizes of the result.
struct Region {
  Box box;
  int64_t out_height, out_width;
};

// ---- averages of samples

// How much each of `count` cells from `first` on weighs in the average of samples along an axis.
struct AxisWeights {
  int64_t first = 0, count = 0;
  float* weight;  // room for as many as the axis has cells
};

// Samples lie in the middle of `samples` equal parts of [start, start + length); each falls between
// two cells, or on the last.
inline void weigh_samples(float start, float length, int64_t samples, int64_t cells,
                          AxisWeights* weights) {
  const float part = length / static_cast<float>(samples);
  const auto position = [&](int64_t k) { return start + part / 2 + part * static_cast<float>(k); };
  const auto cell = [&](float at) {
    return std::clamp<int64_t>(static_cast<int64_t>(std::floor(at)), 0, cells - 1);
  };
  weights->first = cell(position(0));
  weights->count = std::min(cell(position(samples - 1)) + 2, cells) - weights->first;
  std::fill_n(weights->weight, weights->count, 0.0f);
  const float share = 1.0f / static_cast<float>(samples);
  for (int64_t k = 0; k < samples; ++k) {
    const float at = position(k);
    const int64_t c = cell(at);
    const float beyond = c >= cells - 1 ? 0.0f : at - static_cast<float>(c);
    float* w = weights->weight + (c - weights->first);
    w[0] += (1.0f - beyond) * share;
    if (beyond > 0.0f) w[1] += beyond * share;
  }
}

// `samples_h` and `samples_w` in each cell of the result, 0: one for each cell that it covers.
// `weights_h` and `weights_w` have room for the height and width of the feature map. Calls
// put(out_y, out_x, AxisWeights of rows, AxisWeights of columns).
template <class Put>
void for_each_average(const Region& region, int64_t samples_h, int64_t samples_w,
                      const Image& features, float* weights_h, float* weights_w, Put&& put) {
  const auto axis = [](float from, float to, int64_t out, int64_t* samples) {
    const float step = std::max(to - from, 1.0f) / static_cast<float>(out);
    if (*samples == 0) *samples = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(step)));
    return step;
  };
  const float step_h = axis(region.box.y1, region.box.y2, region.out_height, &samples_h);
  const float step_w = axis(region.box.x1, region.box.x2, region.out_width, &samples_w);
  AxisWeights rows{.weight = weights_h}, columns{.weight = weights_w};
  for (int64_t x = 0; x < region.out_width; ++x) {
    weigh_samples(step_w * static_cast<float>(x) + region.box.x1, step_w, samples_w, features.width,
                  &columns);
    for (int64_t y = 0; y < region.out_height; ++y) {
      weigh_samples(step_h * static_cast<float>(y) + region.box.y1, step_h, samples_h,
                    features.height, &rows);
      put(y, x, rows, columns);
    }
  }
}

// ---- maxima

struct CellRange {
  int64_t begin, end;  // empty if end <= begin
};

// Cells [begin, end) of part `i` of `parts` of an axis' region. Its ends are rounded to cells.
inline CellRange part_of_region(float from, float to, int64_t i, int64_t parts, int64_t cells) {
  const float start = std::round(from);
  const float step = std::max(std::round(to) - start + 1.0f, 1.0f) / static_cast<float>(parts);
  const auto bounded = [&](float at) { return std::min(static_cast<int64_t>(at), cells); };
  return {bounded(std::floor(step * static_cast<float>(i) + start)),
          bounded(std::ceil(step * static_cast<float>(i + 1) + start))};
}

}  // namespace nnapi::host::reference
