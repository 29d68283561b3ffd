// One axis of a resized image: from an output position to positions in the input, computed in
// float32 as NNAPI's documentation of the three conventions implies.
#pragma once

#include <algorithm>
#include <cstdint>

#include "host/kernels/resize/resize.h"

namespace nnapi::host {

class ResizeAxis {
 public:
  ResizeAxis(const Resizing& r, int64_t in, int64_t out)
      : last_(in - 1),
        scale_(r.align_corners && out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                                          : static_cast<float>(in) / static_cast<float>(out)),
        rounds_(r.align_corners),
        half_(r.half_pixel_centers ? 0.5f : 0.0f) {}

  int64_t nearest(int64_t out) const {
    const float at = (static_cast<float>(out) + half_) * scale_;
    return std::min(static_cast<int64_t>(rounds_ ? at + 0.5f : at), last_);
  }

  // The two neighbours, and how much of the second.
  struct Pair {
    int64_t first, second;
    float share;
  };
  Pair between(int64_t out) const {
    const float at = std::max((static_cast<float>(out) + half_) * scale_ - half_, 0.0f);
    const int64_t first = std::min(static_cast<int64_t>(at), last_);
    return {first, std::min(first + 1, last_), at - static_cast<float>(first)};
  }

 private:
  int64_t last_;
  float scale_;
  bool rounds_;
  float half_;
};

}  // namespace nnapi::host
