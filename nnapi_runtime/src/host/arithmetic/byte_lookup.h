// Functions of one byte as tables of their 256 results.
#pragma once

#include <cstdint>

namespace nnapi::host {

// out[i] = table[in[i]]; in and out may be the same.
void look_up_bytes(const uint8_t* table, const uint8_t* in, uint8_t* out, int64_t count);

}  // namespace nnapi::host
