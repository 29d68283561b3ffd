// Work for a few workers that have memory of their own, where the thread pool's pieces would not
// say which of them is free. Each begins with a share of its own, and whoever is done helps the
// others.
#pragma once

#include <atomic>
#include <cstdint>

#include "host/threads/thread_pool.h"

namespace nnapi::host {

constexpr int64_t kMostWorkers = 64;

// Calls work(worker, item) for all items. A worker computes one at a time.
template <class Work>
void share_work(ThreadPool& pool, int64_t items, int64_t workers, const Work& work) {
  struct alignas(64) Share {
    std::atomic<int64_t> next;
    int64_t end;
  };
  Share shares[kMostWorkers];
  for (int64_t i = 0; i < workers; ++i) {
    shares[i].next.store(i * items / workers, std::memory_order_relaxed);
    shares[i].end = (i + 1) * items / workers;
  }
  parallel_for(pool, workers, 1, [&](int64_t begin, int64_t end) {
    for (int64_t worker = begin; worker < end; ++worker)
      for (int64_t i = 0; i < workers; ++i) {
        Share& share = shares[(worker + i) % workers];
        const auto take = [&] { return share.next.fetch_add(1, std::memory_order_relaxed); };
        for (int64_t item = take(); item < share.end; item = take()) work(worker, item);
      }
  });
}

}  // namespace nnapi::host
