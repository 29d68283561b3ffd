// Weights in the order in which a kernel reads them, wherever they lie.
#pragma once

#include <cstddef>
#include <memory>

namespace nnapi::host {

// Aligned to 64 bytes.
using PackedBytes = std::shared_ptr<const char>;

// Zeros, to be filled through `writable` before anyone else sees them.
PackedBytes allocate_packed(size_t bytes, char** writable);

}  // namespace nnapi::host
