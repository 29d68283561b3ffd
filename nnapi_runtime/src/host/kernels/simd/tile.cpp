#include "host/kernels/simd/tile.h"

#include <cstdlib>
#include <cstring>

namespace nnapi::host {

const TileLoops& tile_loops() {
  static const TileLoops& best = []() -> const TileLoops& {
    const char* wish = std::getenv("NNAPI_HOST_ISA");
    const auto allowed = [&](const TileLoops& loops) {
      return wish == nullptr || std::strcmp(wish, loops.name) == 0;
    };
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (allowed(kAvx512Loops) && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni"))
      return kAvx512Loops;
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && (allowed(kAvx2Loops) || allowed(kAvx512Loops))) return kAvx2Loops;
#endif
    return kPortableLoops;
  }();
  return best;
}

}  // namespace nnapi::host
