#include "host/instruction_set.h"

#include <cstdlib>
#include <cstring>

#include "host/kernels/choice.h"

namespace nnapi::host {
namespace {

InstructionSet best_of_processor() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return InstructionSet::kPortable;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni"))
    return InstructionSet::kAvx512;
  return InstructionSet::kAvx2;
#else
  return InstructionSet::kPortable;
#endif
}

InstructionSet wished() {
  const char* wish = std::getenv("NNAPI_HOST_ISA");
  if (!use_fast_kernels() || (wish && std::strcmp(wish, "portable") == 0))
    return InstructionSet::kPortable;
  if (wish && std::strcmp(wish, "avx2") == 0) return InstructionSet::kAvx2;
  return InstructionSet::kAvx512;
}

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet chosen = [] {
    const InstructionSet best = best_of_processor(), wish = wished();
    return wish < best ? wish : best;
  }();
  return chosen;
}

}  // namespace nnapi::host
