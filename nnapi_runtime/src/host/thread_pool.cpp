#include "host/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "host/thread_limit.h"

namespace nnapi::host {
namespace {

constexpr int kMaxThreads = 256;

thread_local bool t_inside = false;  // this thread is computing a piece already
thread_local int t_limit = 0;        // 0: none

int default_size() {
  if (const char* value = std::getenv("NNAPI_NUM_THREADS")) {
    const int count = std::atoi(value);
    if (count > 0) return std::min(count, kMaxThreads);
  }
  return std::clamp<int>(std::thread::hardware_concurrency(), 1, kMaxThreads);
}

// What one run() hands to the workers. Pieces are taken by counting up `next`.
struct Job {
  ThreadPool::Body body = nullptr;
  void* context = nullptr;
  int64_t count = 0, grain = 1;
  std::atomic<int64_t> next{0};

  void work() {
    for (;;) {
      const int64_t begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= count) return;
      body(context, begin, std::min(begin + grain, count));
    }
  }
};

// Waits for the condition for some tens of microseconds: being woken takes as long, and the next
// operation mostly comes sooner.
template <class Condition>
void spin_until(Condition condition) {
  for (int i = 0; i < 3000 && !condition(); ++i) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
  }
}

// The threads beside the callers. One job at a time: a second caller finds `busy` locked, and
// computes alone. A caller that has done all pieces itself does not wait for threads that have not
// woken up yet.
class Workers {
 public:
  std::mutex busy;

  void run(Job& job, int helpers) {
    {
      std::lock_guard lock(mutex_);
      while (static_cast<int>(threads_.size()) < helpers)
        threads_.emplace_back([this] { serve(); });
      job_ = &job;
      open_ = helpers;
    }
    for (int i = 0; i < helpers; ++i) wake_.notify_one();
    t_inside = true;
    job.work();
    t_inside = false;
    {
      std::lock_guard lock(mutex_);
      open_ = 0;
    }
    spin_until([this] { return working_ == 0; });
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return working_ == 0; });
  }

 private:
  [[noreturn]] void serve() {
    t_inside = true;
    for (;;) {
      spin_until([this] { return open_ > 0; });
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return open_ > 0; });
      --open_;
      ++working_;
      Job* job = job_;
      lock.unlock();
      job->work();
      lock.lock();
      if (--working_ == 0) done_.notify_one();
    }
  }

  // All are changed under the mutex alone; the counters are atomic for those who spin.
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> threads_;
  Job* job_ = nullptr;
  std::atomic<int> open_{0};     // how many threads may still join the job
  std::atomic<int> working_{0};  // how many have joined, and not finished
};

// Never destroyed: its threads may be waiting while the process ends. A forked child has no threads
// but its own, so it begins with new workers.
std::atomic<Workers*> g_workers{nullptr};
std::atomic<int> g_size{0};

Workers& workers() {
  Workers* current = g_workers.load(std::memory_order_acquire);
  if (current == nullptr) {
    auto* fresh = new Workers;
    if (g_workers.compare_exchange_strong(current, fresh)) return *fresh;
    delete fresh;
  }
  return *current;
}

}  // namespace

ThreadLimit::ThreadLimit(int count) : previous_(t_limit) {
  if (count > 0) t_limit = t_limit > 0 ? std::min(t_limit, count) : count;
}
ThreadLimit::~ThreadLimit() { t_limit = previous_; }

void set_pool_size(int count) {
  g_size = count > 0 ? std::min(count, kMaxThreads) : default_size();
}

int ThreadPool::size() const {
  const int size = g_size.load(std::memory_order_relaxed);
  return t_limit > 0 ? std::min(t_limit, size) : size;
}

void ThreadPool::run(int64_t count, int64_t grain, Body body, void* context) {
  if (count <= 0) return;
  Job job;
  job.body = body;
  job.context = context;
  job.count = count;
  job.grain = std::max<int64_t>(grain, 1);
  const int64_t pieces = (count + job.grain - 1) / job.grain;
  const int helpers = static_cast<int>(std::min<int64_t>(pieces, size()) - 1);
  if (helpers <= 0 || t_inside) return job.work();
  Workers& pool = workers();
  std::unique_lock holding(pool.busy, std::try_to_lock);
  if (!holding.owns_lock()) return job.work();
  pool.run(job, helpers);
}

ThreadPool& ThreadPool::instance() {
  static ThreadPool pool;
  static const bool ready = [] {
    set_pool_size(0);
    pthread_atfork(nullptr, nullptr, [] { g_workers.store(nullptr); });
    return true;
  }();
  (void)ready;
  return pool;
}

}  // namespace nnapi::host
