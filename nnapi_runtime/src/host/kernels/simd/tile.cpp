#include "host/kernels/simd/tile.h"

#include "host/instruction_set.h"

namespace nnapi::host {

const TileLoops& tile_loops() {
#if defined(__x86_64__)
  if (instruction_set() == InstructionSet::kAvx512) return kAvx512Loops;
  if (instruction_set() == InstructionSet::kAvx2) return kAvx2Loops;
#endif
  return kPortableLoops;
}

}  // namespace nnapi::host
