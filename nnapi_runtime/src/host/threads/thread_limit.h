// How many threads take part.
#pragma once

namespace nnapi::host {

// While it lives, work that this thread gives to the pool is shared by at most `count` threads,
// itself included (0: no limit).
class ThreadLimit {
 public:
  explicit ThreadLimit(int count);
  ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  int previous_;
};

// Threads of the process's pool, the caller's included; 0: NNAPI_NUM_THREADS, or one a core.
void set_pool_size(int count);

}  // namespace nnapi::host
