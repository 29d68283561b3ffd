// Loops of nothing but multiply-accumulates in registers, one for each instruction that does them.
#pragma once

#include <vector>

#include "machine/peak.h"

namespace nnapi::machine {

struct MultiplyLoop {
  Arithmetic arithmetic;
  const char* instructions;
  void (*run)(long rounds);
  double operations_per_round;
};

// Those that this processor has, the widest of float32 first.
std::vector<MultiplyLoop> multiply_loops();

}  // namespace nnapi::machine
