// Which of the instruction sets that loops are compiled for computes here.
#pragma once

namespace nnapi::host {

// From the least to the most; a processor has those of one family only.
enum class InstructionSet {
  kPortable,
#if defined(__x86_64__)
  kAvx2,
  kAvx512,
#elif defined(__aarch64__)
  kNeon,
  kDotProduct,
  kI8mm,
#endif
};

// The best that this processor runs. NNAPI_HOST_ISA asks for less, by one of the names
// portable|avx2|avx512 (x86-64) or portable|neon|dotprod|i8mm (64-bit Arm); of a name that means
// nothing here, or more than the processor has, a line on stderr says so. NNAPI_HOST_KERNELS=
// reference asks for kPortable. Read once.
InstructionSet instruction_set();

}  // namespace nnapi::host
