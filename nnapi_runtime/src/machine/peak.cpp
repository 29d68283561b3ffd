#include "machine/peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "machine/multiply_loops.h"

namespace nnapi::machine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Seconds from the moment when all threads are there until the last one is done.
double run_on(int threads, const MultiplyLoop& loop, long rounds) {
  std::atomic<int> waiting{threads - 1};
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back([&] {
      waiting.fetch_sub(1);
      while (waiting.load() > 0) std::this_thread::yield();
      loop.run(rounds);
    });
  }
  while (waiting.load() > 0) std::this_thread::yield();
  const auto start = Clock::now();
  loop.run(rounds);
  for (std::thread& other : others) other.join();
  return seconds_since(start);
}

long rounds_for(const MultiplyLoop& loop, double seconds) {
  long rounds = 1000;
  while (run_on(1, loop, rounds) < seconds) rounds *= 2;
  return rounds;
}

}  // namespace

std::vector<Peak> measure_peaks(int threads) {
  constexpr int kTries = 7;
  std::vector<Peak> peaks;
  for (const MultiplyLoop& loop : multiply_loops()) {
    const long rounds = rounds_for(loop, 4e-3);
    double best = run_on(threads, loop, rounds);
    for (int i = 1; i < kTries; ++i) best = std::min(best, run_on(threads, loop, rounds));
    const double operations = loop.operations_per_round * static_cast<double>(rounds) * threads;
    peaks.push_back({loop.arithmetic, loop.instructions, operations / best});
  }
  return peaks;
}

double time_fixed_work(int threads) {
  constexpr double kOperations = 5e8;
  const MultiplyLoop loop = multiply_loops().front();
  return run_on(threads, loop, static_cast<long>(kOperations / loop.operations_per_round));
}

double read_bandwidth(size_t bytes) {
  constexpr size_t kBytesInAll = size_t{1} << 28;
  constexpr size_t kLanes = 8;
  const size_t rows = std::max<size_t>(bytes / sizeof(uint64_t) / kLanes, 1);
  std::vector<uint64_t> data(rows * kLanes, 1);
  const size_t passes = std::max<size_t>(1, kBytesInAll / (data.size() * sizeof(uint64_t)));
  double best = 0;
  for (int i = 0; i < 3; ++i) {
    uint64_t sums[kLanes] = {};
    const auto start = Clock::now();
    for (size_t pass = 0; pass < passes; ++pass) {
      for (size_t at = 0; at < data.size(); at += kLanes)
        for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += data[at + lane];
      asm volatile("" : : "r"(sums) : "memory");  // every pass is made
    }
    const double read = static_cast<double>(data.size() * sizeof(uint64_t) * passes);
    best = std::max(best, read / seconds_since(start));
  }
  return best;
}

}  // namespace nnapi::machine
