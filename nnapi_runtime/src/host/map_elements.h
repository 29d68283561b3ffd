// Elementwise loops over whole tensors, cut into pieces for the thread pool.
#pragma once

#include <cstdint>

#include "host/element_range.h"
#include "host/operation.h"
#include "host/vector_loop.h"

namespace nnapi::host {

// How many elements make a piece of work: some 20 microseconds, a few times a thread's wake-up.
constexpr int64_t kElementGrain = 65536;  // of arithmetic
constexpr int64_t kCostlyGrain = 8192;    // of functions that take tens of instructions

// Calls body(begin, end) for elements [0, count), or for those that this thread is to compute.
template <class F>
void for_elements(const Node& node, size_t count, int64_t grain, F&& body) {
  if (const ElementRange* part = element_range())
    with_widest_vectors([&] { body(part->begin, part->end); });
  else
    parallel_loop(node.pool(), static_cast<int64_t>(count), grain, body);
}

// out[i] = f(in[i]) for i in [0, count).
template <class In, class Out, class F>
void map_elements(const Node& node, size_t count, const In* in, Out* out, F f,
                  int64_t grain = kElementGrain) {
  for_elements(node, count, grain, [=](int64_t begin, int64_t end) {
    // Locals: stores of bytes could change anything that lies in memory.
    const In* const x = in;
    Out* const y = out;
    const F g = f;
    for (int64_t i = begin; i < end; ++i) y[i] = g(x[i]);
  });
}

}  // namespace nnapi::host
