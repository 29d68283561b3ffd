// Packed weights that are the same are kept once: a recurrent network that is written out step by
// step uses the same matrices in hundreds of operations, and copies of them would not fit the
// cache.
#pragma once

#include <cstddef>

#include "host/weights/packed_bytes.h"

namespace nnapi::host {

// The same `bytes` as in `packed`: those of an earlier call if they are still in use somewhere, or
// else `packed` itself. Only weights packed from the same constants are compared.
PackedBytes share_weights(const void* weights, const void* bias, size_t bytes, PackedBytes packed);

}  // namespace nnapi::host
