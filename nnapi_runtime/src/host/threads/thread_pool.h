// One pool per process. Work is cut into the same pieces for every number of threads, or into any
// where each item is computed by itself, so results do not depend on it.
#pragma once

#include <cstdint>
#include <type_traits>

namespace nnapi::host {

class ThreadPool {
 public:
  // Calls body(context, begin, end) over [0, count) in pieces of at most `grain`, on the calling
  // thread and the pool's; returns when all are done. A count of at most `grain` runs on the
  // calling thread at once. Called from within a body, or while another execution holds the pool,
  // it runs on the calling thread.
  using Body = void (*)(void* context, int64_t begin, int64_t end);
  void run(int64_t count, int64_t grain, Body body, void* context);

  // Number of threads in use, the caller's included.
  int size() const;

  // The process's pool; NNAPI_NUM_THREADS threads, or as many as there are cores.
  static ThreadPool& instance();
};

// body: void(int64_t begin, int64_t end), any callable; nothing is allocated.
template <class F>
void parallel_for(ThreadPool& pool, int64_t count, int64_t grain, F&& body) {
  using Callable = std::remove_reference_t<F>;
  pool.run(
      count, grain,
      [](void* context, int64_t begin, int64_t end) {
        (*static_cast<Callable*>(context))(begin, end);
      },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace nnapi::host
