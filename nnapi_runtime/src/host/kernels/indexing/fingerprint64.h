// FarmHash's Fingerprint64: a published hash of bytes whose values never change. Models with
// LSH_PROJECTION are trained against exactly these numbers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nnapi::host {

uint64_t fingerprint64(const char* bytes, size_t size);

}  // namespace nnapi::host
