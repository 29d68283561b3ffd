// How large one operand may be.
#pragma once

#include <cstdint>

namespace nnapi::host {

// Bytes; NNAPI counts them in 32 bits.
uint32_t operand_size_limit();

// Tests lower it, so that a random model is refused before it takes all memory and time.
void set_operand_size_limit(uint32_t bytes);

}  // namespace nnapi::host
