#include "host/kernels/simd/simd_loops.h"

#include "host/base/instruction_set.h"

namespace nnapi::host {

const TileLoops& tile_loops() {
#if defined(__x86_64__)
  if (instruction_set() == InstructionSet::kAvx512) return kAvx512Loops;
  if (instruction_set() == InstructionSet::kAvx2) return kAvx2Loops;
#elif defined(__aarch64__)
  if (instruction_set() == InstructionSet::kI8mm) return kI8mmLoops;
  if (instruction_set() == InstructionSet::kDotProduct) return kDotProductLoops;
  if (instruction_set() == InstructionSet::kNeon) return kNeonLoops;
#endif
  return kPortableLoops;
}

}  // namespace nnapi::host
