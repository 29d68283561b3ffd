// Work on 1-D slices along an axis, several neighbours at a time so that memory is read in order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "host/axis_view.h"
#include "host/thread_pool.h"

namespace nnapi::host {

constexpr size_t kSliceBlock = 64;

// Calls body(start, stride, n) until every slice of `view` has been in one call: n <= kSliceBlock
// slices side by side, element i of slice j at start + i * stride + j. Along the last axis stride
// and n are compile-time ones, which leaves a plain loop over i.
template <class Body>
void for_slices(ThreadPool& pool, const AxisView& view, Body&& body) {
  if (view.outer * view.size * view.inner == 0) return;
  constexpr size_t kWorkGrain = 4096;  // elements for one piece of work
  const size_t blocks = (view.inner + kSliceBlock - 1) / kSliceBlock;
  const size_t elements = view.size * std::min(view.inner, kSliceBlock);
  const int64_t grain = static_cast<int64_t>(std::max<size_t>(1, kWorkGrain / elements));
  parallel_for(pool, static_cast<int64_t>(view.outer * blocks), grain,
               [&](int64_t begin, int64_t end) {
                 for (size_t i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
                   if (view.inner == 1) {
                     constexpr std::integral_constant<size_t, 1> kOne;
                     body(i * view.size, kOne, kOne);
                   } else {
                     const size_t first = i % blocks * kSliceBlock;
                     body(i / blocks * view.size * view.inner + first, view.inner,
                          std::min(kSliceBlock, view.inner - first));
                   }
                 }
               });
}

}  // namespace nnapi::host
