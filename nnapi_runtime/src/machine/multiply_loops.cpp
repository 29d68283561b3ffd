#include "machine/multiply_loops.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace nnapi::machine {
namespace {

// Sums that do not wait for each other: more than latency times throughput of any core so far.
constexpr double kSums = 12;

#if defined(__x86_64__)

#define TWELVE(I) I(0) I(1) I(2) I(3) I(4) I(5) I(6) I(7) I(8) I(9) I(10) I(11)
#define SIX(I) I(0, 6) I(1, 7) I(2, 8) I(3, 9) I(4, 10) I(5, 11)
// The loop as a whole, from zeros: what is in the registers before could be slow to compute with.
#define LOOP(NAME, CLEAR, BODY)                                                                  \
  void NAME(long rounds) {                                                                       \
    asm volatile(CLEAR "1:\n" BODY "dec %0\n jnz 1b\n vzeroupper\n"                              \
                 : "+r"(rounds)                                                                  \
                 :                                                                               \
                 : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", \
                   "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14");                         \
  }

#define CLEAR_ONE(i) "vxorps %%xmm" #i ", %%xmm" #i ", %%xmm" #i "\n"
#define CLEAR_ALL TWELVE(CLEAR_ONE) CLEAR_ONE(12) CLEAR_ONE(13) CLEAR_ONE(14)

#define FMA_512(i) "vfmadd231ps %%zmm12, %%zmm13, %%zmm" #i "\n"
#define FMA_256(i) "vfmadd231ps %%ymm12, %%ymm13, %%ymm" #i "\n"
#define DOT_512(i) "vpdpbusd %%zmm12, %%zmm13, %%zmm" #i "\n"
#define DOT_256(i) "%{vex%} vpdpbusd %%ymm12, %%ymm13, %%ymm" #i "\n"
#define PAIRS_256(i, t)                     \
  "vpmaddubsw %%ymm12, %%ymm13, %%ymm" #t   \
  "\n"                                      \
  "vpmaddwd %%ymm14, %%ymm" #t ", %%ymm" #t \
  "\n"                                      \
  "vpaddd %%ymm" #t ", %%ymm" #i ", %%ymm" #i "\n"

LOOP(fma_512, CLEAR_ALL, TWELVE(FMA_512))
LOOP(fma_256, CLEAR_ALL, TWELVE(FMA_256))
LOOP(dot_512, CLEAR_ALL, TWELVE(DOT_512))
LOOP(dot_256, CLEAR_ALL, TWELVE(DOT_256))
LOOP(pairs_256, CLEAR_ALL, SIX(PAIRS_256))

// Not every compiler's __builtin_cpu_supports knows the name.
bool has_avx_vnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

#elif defined(__aarch64__)

#define TWELVE(I) I(0) I(1) I(2) I(3) I(4) I(5) I(6) I(7) I(16) I(17) I(18) I(19)
#define LOOP(NAME, BODY)                                                                      \
  void NAME(long rounds) {                                                                    \
    asm volatile(TWELVE(CLEAR_ONE) CLEAR_ONE(20) CLEAR_ONE(21) "1:\n" BODY                    \
                                                               "subs %0, %0, #1\n b.ne 1b\n"  \
                 : "+r"(rounds)                                                               \
                 :                                                                            \
                 : "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", \
                   "v19", "v20", "v21");                                                      \
  }
#define CLEAR_ONE(i) "movi v" #i ".16b, #0\n"
#define FMA_NEON(i) "fmla v" #i ".4s, v20.4s, v21.4s\n"
// sdot vI.4s, v20.16b, v21.16b, as its number: assemblers want to be told of the extension, each
// in a way of its own.
#define DOT_NEON(i) ".inst 0x4e959680 + " #i "\n"
#define LONG_NEON(i) "smlal v" #i ".8h, v20.8b, v21.8b\n"

LOOP(fma_neon, TWELVE(FMA_NEON))
LOOP(dot_neon, TWELVE(DOT_NEON))
LOOP(long_neon, TWELVE(LONG_NEON))

#endif

template <class Sum, class Factor>
void multiply(long rounds) {
  Sum sums[static_cast<int>(kSums)] = {};
  volatile Factor source = 0;
  const Factor a = source, b = source;
  for (long i = 0; i < rounds; ++i) {
    for (Sum& sum : sums) sum += Sum{a} * Sum{b};
    asm volatile("" : : "r"(sums) : "memory");  // every round is computed
  }
}

}  // namespace

std::vector<MultiplyLoop> multiply_loops() {
  std::vector<MultiplyLoop> loops;
  const auto add = [&](Arithmetic arithmetic, const char* instructions, void (*run)(long),
                       double products) {
    loops.push_back({arithmetic, instructions, run, 2 * products});
  };
#if defined(__x86_64__)
  const bool wide = __builtin_cpu_supports("avx512f");
  const bool narrow = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (wide) add(Arithmetic::kFloat32, "AVX-512 FMA", fma_512, kSums * 16);
  if (narrow) add(Arithmetic::kFloat32, "AVX2 FMA", fma_256, kSums * 8);
  if (wide && __builtin_cpu_supports("avx512vnni"))
    add(Arithmetic::kInt8, "AVX-512 VNNI", dot_512, kSums * 64);
  if (narrow && has_avx_vnni()) add(Arithmetic::kInt8, "AVX-VNNI", dot_256, kSums * 32);
  if (narrow) add(Arithmetic::kInt8, "AVX2 pairs", pairs_256, kSums / 2 * 32);
#elif defined(__aarch64__)
  add(Arithmetic::kFloat32, "NEON FMLA", fma_neon, kSums * 4);
  if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP)
    add(Arithmetic::kInt8, "NEON SDOT", dot_neon, kSums * 16);
  add(Arithmetic::kInt8, "NEON SMLAL", long_neon, kSums * 8);
#endif
  if (loops.empty()) {
    add(Arithmetic::kFloat32, "portable", multiply<float, float>, kSums);
    add(Arithmetic::kInt8, "portable", multiply<int32_t, int8_t>, kSums);
  }
  return loops;
}

}  // namespace nnapi::machine
