// Plain loops, compiled once for each instruction set: the compiler makes vector code of them that
// is as wide as this processor has it.
#pragma once

#include <cstdint>

#include "host/base/instruction_set.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {

#if defined(__x86_64__)
// Flattening pulls the whole of f into these functions, and so into their instruction sets.
template <class F>
[[gnu::target("avx2,fma"), gnu::flatten, gnu::noinline]] void compiled_for_avx2(F& f) {
  f();
}
template <class F>
[[gnu::target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"), gnu::flatten,
  gnu::noinline]] void
compiled_for_avx512(F& f) {
  f();
}
#endif

// Calls f, whose loops must be visible here to profit.
template <class F>
void with_widest_vectors(F&& f) {
#if defined(__x86_64__)
  switch (instruction_set()) {
    case InstructionSet::kAvx512:
      return compiled_for_avx512(f);
    case InstructionSet::kAvx2:
      return compiled_for_avx2(f);
    case InstructionSet::kPortable:
      break;
  }
#endif
  f();
}

// A plain function whose loops are to profit, as pointer to its version for this processor.
using VectorFunction = void (*)(const void*, const void*, const void*, void*, int64_t);

#if defined(__x86_64__)
template <VectorFunction kFunction>
[[gnu::target("avx2,fma"), gnu::flatten]] void function_for_avx2(const void* f, const void* a,
                                                                 const void* b, void* out,
                                                                 int64_t n) {
  kFunction(f, a, b, out, n);
}
template <VectorFunction kFunction>
[[gnu::target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"),
  gnu::flatten]] void
function_for_avx512(const void* f, const void* a, const void* b, void* out, int64_t n) {
  kFunction(f, a, b, out, n);
}
#endif

template <VectorFunction kFunction>
VectorFunction for_widest_vectors() {
#if defined(__x86_64__)
  if (instruction_set() == InstructionSet::kAvx512) return function_for_avx512<kFunction>;
  if (instruction_set() == InstructionSet::kAvx2) return function_for_avx2<kFunction>;
#endif
  return kFunction;
}

// As parallel_for, with the widest vectors in the body.
template <class F>
void parallel_loop(ThreadPool& pool, int64_t count, int64_t grain, F&& body) {
  parallel_for(pool, count, grain,
               [&](int64_t begin, int64_t end) { with_widest_vectors([&] { body(begin, end); }); });
}

}  // namespace nnapi::host
