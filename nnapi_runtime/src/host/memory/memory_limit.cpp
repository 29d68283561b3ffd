#include "host/memory/memory_limit.h"

#include <cinttypes>
#include <cstdio>

#include "host/base/error.h"

namespace nnapi::host {
namespace {

constexpr uint64_t kRemarkable = uint64_t{256} << 20;

// Bytes that can be written to without taking any process's memory away; the largest number where
// the system does not tell.
uint64_t free_memory() {
  std::FILE* file = std::fopen("/proc/meminfo", "re");
  if (file == nullptr) return UINT64_MAX;
  uint64_t kilobytes = 0;
  bool found = false;
  for (char line[128]; !found && std::fgets(line, sizeof line, file) != nullptr;)
    found = std::sscanf(line, "MemAvailable: %" SCNu64, &kilobytes) == 1;
  std::fclose(file);
  return found ? kilobytes << 10 : UINT64_MAX;
}

}  // namespace

uint64_t MemoryLimit::with_inputs(uint64_t input_bytes) const {
  uint64_t limit = 0;
  if (__builtin_mul_overflow(times_inputs, input_bytes, &limit) ||
      __builtin_add_overflow(limit, bytes, &limit))
    return UINT64_MAX;
  return limit;
}

void check_memory(uint64_t growth, uint64_t bytes, uint64_t limit) {
  if (bytes > limit)
    throw NotEnoughMemory(format("results between operations take %" PRIu64
                                 " bytes at once; the memory limit is %" PRIu64 " bytes",
                                 bytes, limit));
  if (growth < kRemarkable) return;
  if (const uint64_t free = free_memory(); growth > free)
    throw NotEnoughMemory(format("results between operations take %" PRIu64
                                 " more bytes at once; this machine has %" PRIu64 " free",
                                 growth, free));
}

}  // namespace nnapi::host
