// Where temporary buffers lie in one shared arena. A pure function, so that it can be tested alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace nnapi::host {

// A buffer that must hold its contents in steps first .. last, both included.
struct BufferUse {
  size_t bytes;
  uint32_t first, last;
};

struct ArenaPlan {
  std::vector<size_t> offsets;  // one for each buffer, multiples of kArenaAlignment
  size_t peak = 0;              // bytes of the arena
  size_t sum = 0;               // bytes it would take if nothing were shared
};

constexpr size_t kArenaAlignment = 64;

// Buffers whose steps overlap never share a byte.
ArenaPlan plan_arena(std::span<const BufferUse> uses);

}  // namespace nnapi::host
