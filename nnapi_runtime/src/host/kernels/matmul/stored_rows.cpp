#include "host/kernels/matmul/stored_rows.h"

#include <algorithm>

#include "host/base/instruction_set.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

struct Isa {
  static constexpr int64_t kLanes = 4;
  typedef float Lanes __attribute__((vector_size(16)));

  static void load_numbers(const int8_t* from, Lanes* to) {
    *to = Lanes{static_cast<float>(from[0]), static_cast<float>(from[1]),
                static_cast<float>(from[2]), static_cast<float>(from[3])};
  }
};

}  // namespace
}  // namespace nnapi::host

#include "host/kernels/simd/stored_rows_loops.h"

namespace nnapi::host {
namespace {

MultiplyStored best_for_this_processor() {
#if defined(__x86_64__)
  if (instruction_set() != InstructionSet::kPortable) return multiply_stored_avx2;
#endif
  return multiply;
}

}  // namespace

void multiply_stored(ThreadPool& pool, const StoredProduct& all) {
  static const MultiplyStored kernel = best_for_this_processor();
  const StoredRows& matrix = all.matrix;
  if (matrix.rows <= 0 || all.count <= 0) return;
  // What is worth waking a thread for.
  constexpr int64_t kPiece = 64 * 1024;
  const int64_t work = std::max<int64_t>(matrix.columns, 1) * all.count;
  const int64_t grain = std::max<int64_t>(kRows, kPiece / work / kRows * kRows);
  parallel_for(pool, matrix.rows, grain,
               [&](int64_t begin, int64_t end) { kernel(all, begin, end); });
}

}  // namespace nnapi::host
