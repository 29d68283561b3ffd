// Work on 1-D slices along an axis, several neighbours at a time so that memory is read in order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "host/arithmetic/vector_loop.h"
#include "host/tensor/axis_view.h"

namespace nnapi::host {

constexpr size_t kSliceBlock = 64;

// Calls body(start, stride, n) until every slice of `view` has been in one call: n <= kSliceBlock
// slices side by side, element i of slice j at start + i * stride + j. Along the last axis stride
// and n are compile-time ones, which leaves a plain loop over i.
template <class Body>
void for_slices(ThreadPool& pool, const AxisView& view, Body&& body) {
  if (view.outer * view.size * view.inner == 0) return;
  constexpr size_t kWorkGrain = 8192;  // elements for one piece of work
  const size_t blocks = (view.inner + kSliceBlock - 1) / kSliceBlock;
  const size_t elements = view.size * std::min(view.inner, kSliceBlock);
  const int64_t grain = static_cast<int64_t>(std::max<size_t>(1, kWorkGrain / elements));
  parallel_loop(pool, static_cast<int64_t>(view.outer * blocks), grain,
                [&](int64_t begin, int64_t end) {
                  for (size_t i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
                    if (view.inner == 1) {
                      constexpr std::integral_constant<size_t, 1> kOne{};
                      body(i * view.size, kOne, kOne);
                    } else {
                      const size_t first = i % blocks * kSliceBlock;
                      body(i / blocks * view.size * view.inner + first, view.inner,
                           std::min(kSliceBlock, view.inner - first));
                    }
                  }
                });
}

// Folds each of the n slices of one such call into carries[j], beginning with `start`:
// step(carry, at, j) takes in the element at offset `at` of slice j. A single slice is folded in
// eight interleaved parts, which join(carry, carry) brings together; the compiler may not reorder
// floating-point arithmetic by itself.
template <class Carry, class Stride, class Count, class Step, class Join>
void fold_slices(size_t size, Stride stride, Count n, Carry* carries, Carry start, Step step,
                 Join join) {
  std::fill_n(carries, size_t{n}, start);
  if constexpr (std::is_same_v<Count, size_t>) {
    for (size_t i = 0; i < size; ++i)
      for (size_t j = 0; j < n; ++j) carries[j] = step(carries[j], i * stride + j, j);
  } else {
    constexpr size_t kLanes = 8;
    Carry lanes[kLanes];
    std::fill_n(lanes, kLanes, start);
    size_t i = 0;
    for (; i + kLanes <= size; i += kLanes)
      for (size_t k = 0; k < kLanes; ++k) lanes[k] = step(lanes[k], i + k, 0);
    for (; i < size; ++i) lanes[0] = step(lanes[0], i, 0);
    for (const Carry& lane : lanes) carries[0] = join(carries[0], lane);
  }
}

// Adds up term(at, j) over each slice.
template <class Stride, class Count, class Term>
void sum_slices(size_t size, Stride stride, Count n, double* sums, Term term) {
  fold_slices(
      size, stride, n, sums, 0.0,
      [term](double sum, size_t at, size_t j) { return sum + term(at, j); },
      [](double a, double b) { return a + b; });
}

}  // namespace nnapi::host
