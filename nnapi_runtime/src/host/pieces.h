// Work in pieces that several threads take from. Each thread begins with a stretch of its own, the
// same one whenever the work and the number of threads are the same: what it computed in one
// operation it mostly finds in its own cache in the next. Whoever is done helps the others, from
// the ends of their stretches.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace nnapi::host {

class Pieces {
 public:
  using Body = void (*)(void* context, int64_t begin, int64_t end);
  static constexpr int kMaxThreads = 256;

  void set(int64_t count, int64_t grain, Body body, void* context, int threads) {
    count_ = count;
    grain_ = grain;
    body_ = body;
    context_ = context;
    threads_ = threads;
    const int64_t pieces = number_of(count, grain);
    for (int i = 0; i < threads; ++i) {
      const int64_t begin = pieces / threads * i + std::min<int64_t>(pieces % threads, i);
      const int64_t size = pieces / threads + (i < pieces % threads ? 1 : 0);
      stretches_[i].begin = begin;
      stretches_[i].end.store(begin + size, std::memory_order_relaxed);
      stretches_[i].left.store(size, std::memory_order_relaxed);
    }
  }

  // What thread `self` does, of `threads`. Returns when no piece is left to begin with.
  void work(int self) {
    Stretch& own = stretches_[self];
    while (own.take()) compute(own.begin++);
    for (int i = 1; i < threads_; ++i) {
      Stretch& other = stretches_[(self + i) % threads_];
      while (other.take()) compute(other.end.fetch_sub(1, std::memory_order_relaxed) - 1);
    }
  }

  static int64_t number_of(int64_t count, int64_t grain) {
    return count / grain + (count % grain != 0 ? 1 : 0);
  }

 private:
  // Pieces [begin, end) are still to do, once those that were taken and are not yet counted off
  // are. Only its own thread moves `begin`.
  struct alignas(64) Stretch {
    std::atomic<int64_t> left{0};
    std::atomic<int64_t> end{0};
    int64_t begin = 0;

    // Is there a piece, which is the caller's then?
    bool take() {
      return left.load(std::memory_order_relaxed) > 0 &&
             left.fetch_sub(1, std::memory_order_relaxed) > 0;
    }
  };

  void compute(int64_t piece) const {
    const int64_t begin = piece * grain_;
    body_(context_, begin, begin + std::min(grain_, count_ - begin));
  }

  int64_t count_ = 0, grain_ = 1;
  Body body_ = nullptr;
  void* context_ = nullptr;
  int threads_ = 0;
  Stretch stretches_[kMaxThreads];
};

}  // namespace nnapi::host
