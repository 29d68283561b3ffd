// Which of the instruction sets that loops are compiled for computes here.
#pragma once

namespace nnapi::host {

enum class InstructionSet { kPortable, kAvx2, kAvx512 };

// The best that this processor runs. NNAPI_HOST_ISA=portable|avx2|avx512 asks for less, and
// NNAPI_HOST_KERNELS=reference for kPortable. Read once.
InstructionSet instruction_set();

}  // namespace nnapi::host
