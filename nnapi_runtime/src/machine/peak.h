// What this machine's cores can do at most: the measure that profiles and benchmarks are held
// against.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace nnapi::machine {

enum class Arithmetic { kFloat32, kInt8 };

// One way to multiply and accumulate in registers, and how fast it is. A multiply-accumulate is two
// operations.
struct Peak {
  Arithmetic arithmetic;
  std::string instructions;
  double operations_per_second;
};

// Every way that this machine has, on `threads` threads at once. Takes about 50 ms for each.
std::vector<Peak> measure_peaks(int threads);

// Seconds that the same small amount of arithmetic takes on each of `threads` threads: longer than
// at other times when something else has the cores, or they are clocked down.
double time_fixed_work(int threads);

// Bytes a second that one thread reads of an array of that size.
double read_bandwidth(size_t bytes);

}  // namespace nnapi::machine
