// Elementwise loops over whole tensors, cut into pieces for the thread pool.
#pragma once

#include <cstdint>

#include "host/operation.h"
#include "host/thread_pool.h"

namespace nnapi::host {

// Elements of a cheap elementwise operation that are worth a thread's wake-up.
constexpr int64_t kElementGrain = 16384;

// out[i] = f(in[i]) for i in [0, count). A smaller grain suits a costly f.
template <class In, class Out, class F>
void map_elements(const Node& node, size_t count, const In* in, Out* out, F f,
                  int64_t grain = kElementGrain) {
  parallel_for(node.pool(), static_cast<int64_t>(count), grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = f(in[i]);
  });
}

}  // namespace nnapi::host
