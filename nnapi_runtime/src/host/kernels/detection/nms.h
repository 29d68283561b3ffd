// Non-maximum suppression: of boxes that overlap, those with the higher score stay.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "host/kernels/detection/box.h"

namespace nnapi::host::reference {

// Falling scores, equal ones by index; what is not a number comes last.
class ByScore {
 public:
  explicit ByScore(const float* scores) : scores_(scores) {}
  bool operator()(uint32_t a, uint32_t b) const {
    const float x = score(a), y = score(b);
    return x != y ? x > y : a < b;
  }

 private:
  float score(uint32_t i) const {
    return std::isnan(scores_[i]) ? -std::numeric_limits<float>::infinity() : scores_[i];
  }
  const float* scores_;
};

// Both suppressions arrange `candidates`, indices of scores, so that those kept come first, by
// falling score, and return how many: at most `most`. `box_of(i)` is the box of score i.

// Drops what overlaps a kept box by `threshold` or more.
template <class BoxOf>
size_t suppress_hard(const float* scores, BoxOf&& box_of, float threshold, size_t most,
                     uint32_t* candidates, size_t count) {
  std::sort(candidates, candidates + count, ByScore(scores));
  size_t kept = 0;
  for (size_t i = 0; i < count && kept < most; ++i) {
    const Box box = box_of(candidates[i]);
    const bool free = std::none_of(candidates, candidates + kept, [&](uint32_t k) {
      return overlap(box_of(k), box) >= threshold;
    });
    if (free) candidates[kept++] = candidates[i];
  }
  return kept;
}

// What an overlap with a kept box leaves of a score.
struct OverlapWeight {
  enum Kind : int32_t { kHard, kLinear, kGaussian };
  Kind kind;
  float threshold;  // hard and linear
  float sigma;      // gaussian

  float operator()(float overlap) const {
    if (kind == kHard) return overlap < threshold ? 1.0f : 0.0f;
    if (std::isnan(overlap)) return 1.0f;  // no areas, no overlap
    if (kind == kLinear) return overlap < threshold ? 1.0f : 1.0f - overlap;
    return std::exp(-overlap * overlap / sigma);
  }
};

// Lowers the scores of what overlaps a kept box, and drops what falls below `least`.
template <class BoxOf>
size_t suppress_soft(float* scores, BoxOf&& box_of, const OverlapWeight& weight, float least,
                     size_t most, uint32_t* candidates, size_t count) {
  size_t kept = 0, end = count;
  for (; kept < end && kept < most; ++kept) {
    std::swap(candidates[kept],
              *std::min_element(candidates + kept, candidates + end, ByScore(scores)));
    const Box box = box_of(candidates[kept]);
    for (size_t i = kept + 1; i < end;) {
      float& score = scores[candidates[i]];
      score *= weight(overlap(box_of(candidates[i]), box));
      if (score < least) {
        std::swap(candidates[i], candidates[--end]);
      } else {
        ++i;
      }
    }
  }
  return kept;
}

// Suppression class by class, for scores [boxes, classes] of which class 0 is the background. Only
// scores above `least` are candidates; `suppress(candidates, count)` is one of the above. Leaves
// the `most` best of all classes, by falling score, in `selected`, which has room for
// boxes * (classes - 1); returns how many.
template <class Suppress>
size_t select_by_class(const float* scores, uint32_t boxes, uint32_t classes, float least,
                       size_t most, uint32_t* selected, Suppress&& suppress) {
  size_t total = 0;
  for (uint32_t c = 1; c < classes; ++c) {
    size_t count = 0;
    for (uint32_t b = 0; b < boxes; ++b) {
      const uint32_t i = b * classes + c;
      if (scores[i] > least) selected[total + count++] = i;
    }
    total += suppress(selected + total, count);
  }
  std::sort(selected, selected + total, ByScore(scores));
  return std::min(total, most);
}

}  // namespace nnapi::host::reference
