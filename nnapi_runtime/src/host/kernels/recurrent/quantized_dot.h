// Dot products of 8-bit numbers, exact for any length.
#pragma once

#include <algorithm>
#include <cstdint>

namespace nnapi::host::reference {

// sum of (a[i] - a_zero) * (b[i] - b_zero), for zero points that A and B can hold
template <class A, class B>
int64_t quantized_dot(const A* a, int32_t a_zero, const B* b, int32_t b_zero, int64_t count) {
  constexpr int64_t kBlock = 1 << 14;  // a sum of so many products fits in 32 bits
  int64_t total = 0;
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, count);
    int32_t sum = 0;
    for (int64_t i = begin; i < end; ++i)
      sum += (static_cast<int32_t>(a[i]) - a_zero) * (static_cast<int32_t>(b[i]) - b_zero);
    total += sum;
  }
  return total;
}

}  // namespace nnapi::host::reference
