#include "host/threads/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <thread>

#include "host/threads/thread_limit.h"
#include "host/threads/time_limit.h"
#include "host/threads/worker.h"

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

// The threads beside the callers. One caller at a time has them.
class Workers {
 public:
  // Are they this caller's, until release()?
  bool acquire() { return !busy_.exchange(true, std::memory_order_acquire); }
  void release() { busy_.store(false, std::memory_order_release); }

  // What is done by the caller and at most `helpers` more: all pieces, on return. Workers that have
  // not woken up when the last piece is taken are not waited for.
  void run(const Work& work, int helpers) {
    helpers = make(helpers);
    const int threads = helpers + 1;
    if (threads_ != threads) threads_ = threads;
    own_.set(work, 0, threads);
    for (int i = 0; i < helpers; ++i) workers_[i]->call(work, i + 1, threads);
    t_inside = true;
    own_.compute();
    help_others(0);
    t_inside = false;
    for (int i = 0; i < helpers; ++i) workers_[i]->join();
  }

 private:
  // Of as many workers, those that the system has threads for.
  int make(int wanted) {
    for (; made_ < wanted; ++made_) {
      try {
        workers_[made_] = new Worker([this, self = made_ + 1] {
          t_inside = true;
          Stretch& own = stretch(self);
          own.compute();
          if (!own.is_single()) help_others(self);
        });
      } catch (const std::exception&) {
        return made_;
      }
    }
    return wanted;
  }

  Stretch& stretch(int thread) { return thread == 0 ? own_ : workers_[thread - 1]->stretch(); }

  void help_others(int self) {
    for (int i = 1; i < threads_; ++i) stretch((self + i) % threads_).help();
  }

  std::atomic<bool> busy_{false};
  alignas(64) Stretch own_;  // the caller's
  alignas(64) int threads_ = 0;
  int made_ = 0;
  Worker* workers_[kMaxThreads] = {};
};

// Pieces that are computed while there is time.
struct Limited {
  ThreadPool::Body body;
  void* context;
  TimeLimit* limit;

  static void compute(void* self, int64_t begin, int64_t end) {
    const Limited& limited = *static_cast<const Limited*>(self);
    if (limited.limit->is_over()) return;
    TimeLimit* const outer = TimeLimit::exchange_current(limited.limit);
    limited.body(limited.context, begin, end);
    TimeLimit::exchange_current(outer);
  }
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
  Limited limited{body, context, TimeLimit::current()};
  if (limited.limit != nullptr) {
    body = Limited::compute;
    context = &limited;
  }
  grain = std::clamp<int64_t>(grain, 1, count);
  if (count > grain && !t_inside) {
    const Work work{body, context, count, grain};
    const int helpers = static_cast<int>(std::min<int64_t>(work.pieces(), size()) - 1);
    Workers& pool = workers();
    if (helpers > 0 && pool.acquire()) {
      pool.run(work, helpers);
      return pool.release();
    }
  }
  for (int64_t begin = 0; begin < count; begin += grain)
    body(context, begin, begin + std::min(grain, count - begin));
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
