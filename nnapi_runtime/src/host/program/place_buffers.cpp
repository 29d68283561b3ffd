#include "host/program/place_buffers.h"

#include <algorithm>
#include <numeric>

namespace nnapi::host {
namespace {

// Each buffer is compared with those before it. So many comparisons take some seconds, and no model
// that is known needs a tenth; the buffers that are then left, the smallest, share no memory.
constexpr size_t kMostComparisons = size_t{1} << 30;

size_t round_up(size_t bytes) { return (bytes + kArenaAlignment - 1) & ~(kArenaAlignment - 1); }

}  // namespace

// Greedy by size: the largest buffers are placed first, each into the smallest gap that holds it
// between those placed before it that are alive at the same time.
ArenaPlan plan_arena(std::span<const BufferUse> uses) {
  ArenaPlan plan;
  plan.offsets.assign(uses.size(), 0);
  std::vector<size_t> by_size(uses.size());
  std::iota(by_size.begin(), by_size.end(), 0);
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](size_t a, size_t b) { return uses[a].bytes > uses[b].bytes; });

  std::vector<size_t> placed;  // ordered by offset
  placed.reserve(uses.size());
  size_t compared = 0;
  for (size_t i : by_size) {
    const size_t bytes = round_up(uses[i].bytes);
    plan.sum += bytes;
    compared += placed.size();
    if (compared > kMostComparisons) {
      plan.offsets[i] = plan.peak;
      plan.peak += bytes;
      continue;
    }
    size_t best_offset = SIZE_MAX, best_gap = SIZE_MAX;
    size_t end = 0;  // of everything alive at the same time, so far
    for (size_t other : placed) {
      if (uses[other].last < uses[i].first || uses[i].last < uses[other].first) continue;
      const size_t begin = plan.offsets[other];
      if (begin > end && begin - end >= bytes && begin - end < best_gap) {
        best_offset = end;
        best_gap = begin - end;
      }
      end = std::max(end, begin + round_up(uses[other].bytes));
    }
    plan.offsets[i] = best_offset != SIZE_MAX ? best_offset : end;
    plan.peak = std::max(plan.peak, plan.offsets[i] + bytes);
    auto later = std::upper_bound(placed.begin(), placed.end(), i, [&](size_t a, size_t b) {
      return plan.offsets[a] < plan.offsets[b];
    });
    placed.insert(later, i);
  }
  return plan;
}

}  // namespace nnapi::host
