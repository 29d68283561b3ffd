// Few vectors times weights as they are stored, which are read once.
// reference/stored_rows.h is its plain twin.
#pragma once

#include "host/kernels/simd/stored_rows.h"

namespace nnapi::host {

class ThreadPool;

void multiply_stored(ThreadPool& pool, const StoredProduct& all);

}  // namespace nnapi::host
