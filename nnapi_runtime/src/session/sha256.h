// SHA-256 (FIPS 180-4), for tokens that tell one model from all others.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace nnapi::session {

std::array<uint8_t, 32> sha256(std::string_view text);

}  // namespace nnapi::session
