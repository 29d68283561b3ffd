// How work is cut for the thread pool: by how long it takes, never by how many threads there are.
#pragma once

#include <algorithm>
#include <cstdint>

namespace nnapi::host {

// How many of `count` items make a piece, if so many (or a fraction of one) take a microsecond,
// roughly, on a fast processor. That is a few times what it costs to hand a piece to another
// thread. Where pieces are few they are such that two threads get equal shares.
inline int64_t grain_size(int64_t count, double in_a_microsecond) {
  if (static_cast<double>(count) < 2 * in_a_microsecond) return std::max<int64_t>(count, 1);
  const auto most = static_cast<int64_t>(in_a_microsecond) + 1;
  if (count / most >= 32) return most;
  const auto pieces = [count](int64_t size) { return (count + size - 1) / size; };
  const auto share = [&](int64_t size) { return (pieces(size) + 1) / 2 * size; };
  int64_t best = most;
  const int64_t step = most / 16 + 1;
  for (int64_t size = most - step; 2 * size >= most; size -= step)
    if (share(size) < share(best)) best = size;
  return best;
}

}  // namespace nnapi::host
