#include "host/base/instruction_set.h"

#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "host/base/error.h"
#include "host/base/kernel_choice.h"

namespace nnapi::host {
namespace {

// In the order of InstructionSet.
constexpr const char* kNames[] = {
    "portable",
#if defined(__x86_64__)
    "avx2",
    "avx512",
#elif defined(__aarch64__)
    "neon",
    "dotprod",
    "i8mm",
#endif
};

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
#elif defined(__aarch64__)
  // As Linux numbers what it has found (HWCAP_ASIMDDP, HWCAP2_I8MM), which old headers lack.
  constexpr unsigned long kHasDotProduct = 1ul << 20, kHasI8mm = 1ul << 13;
  if ((getauxval(AT_HWCAP) & kHasDotProduct) == 0) return InstructionSet::kNeon;
  return getauxval(AT_HWCAP2) & kHasI8mm ? InstructionSet::kI8mm : InstructionSet::kDotProduct;
#else
  return InstructionSet::kPortable;
#endif
}

InstructionSet choose() {
  if (!use_fast_kernels()) return InstructionSet::kPortable;
  const InstructionSet best = best_of_processor();
  const char* wish = std::getenv("NNAPI_HOST_ISA");
  if (!wish) return best;
  const char* const best_name = kNames[static_cast<int>(best)];
  std::string known;
  for (int i = 0; i < static_cast<int>(std::size(kNames)); ++i) {
    known += (i ? ", " : "") + std::string(kNames[i]);
    if (std::strcmp(wish, kNames[i]) != 0) continue;
    const auto wished = static_cast<InstructionSet>(i);
    if (wished <= best) return wished;
    log_line(format("NNAPI_HOST_ISA=%s: this processor has no such instructions; %s computes", wish,
                    best_name));
    return best;
  }
  log_line(format("NNAPI_HOST_ISA=%s: not one of %s; %s computes", wish, known.c_str(), best_name));
  return best;
}

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet chosen = choose();
  return chosen;
}

}  // namespace nnapi::host
