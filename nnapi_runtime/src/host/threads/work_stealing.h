// Work in pieces that several threads take from. Each thread begins with a stretch of its own, the
// same one whenever the work and the number of threads are the same: what it computed in one
// operation it mostly finds in its own cache in the next. Whoever is done helps the others, from
// the ends of their stretches.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace nnapi::host {

struct Work {
  using Body = void (*)(void* context, int64_t begin, int64_t end);
  Body body;
  void* context;
  int64_t count, grain;

  int64_t pieces() const { return count / grain + (count % grain != 0 ? 1 : 0); }
  void compute(int64_t piece) const {
    const int64_t begin = piece * grain;
    body(context, begin, begin + std::min(grain, count - begin));
  }
};

// What one thread begins with.
class Stretch {
 public:
  // Part `number` of `parts`. While no thread works on it.
  void set(const Work& work, int number, int parts) {
    work_ = work;
    const int64_t pieces = work.pieces(), longer = pieces % parts;
    const int64_t size = pieces / parts + (number < longer ? 1 : 0);
    next_ = pieces / parts * number + std::min<int64_t>(longer, number);
    end_.store(next_ + size, std::memory_order_relaxed);
    left_.store(size, std::memory_order_release);
    is_single_ = size <= 1;
  }

  // By the thread that it belongs to.
  void compute() {
    while (take()) work_.compute(next_++);
  }
  // From its end on, by another thread of the same work.
  void help() {
    while (take()) work_.compute(end_.fetch_sub(1, std::memory_order_relaxed) - 1);
  }
  // Then the others have hardly more, and looking for it takes longer than it may save.
  bool is_single() const { return is_single_; }

 private:
  // Is there a piece, which is the caller's then?
  bool take() {
    return left_.load(std::memory_order_relaxed) > 0 &&
           left_.fetch_sub(1, std::memory_order_acquire) > 0;
  }

  // Pieces from next_ to end_ are still to do, once those that were taken and are not yet counted
  // off are. Only its own thread moves next_.
  Work work_;
  std::atomic<int64_t> left_{0}, end_{0};
  int64_t next_ = 0;
  bool is_single_ = false;
};

}  // namespace nnapi::host
