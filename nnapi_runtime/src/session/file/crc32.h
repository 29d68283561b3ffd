// CRC-32 as zlib computes it: what checksums of files are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace nnapi::session {

inline uint32_t crc32(std::span<const std::byte> bytes) {
  // Sixteen bytes at a time: table k is for a byte that k bytes follow.
  static constexpr auto kTables = [] {
    std::array<std::array<uint32_t, 256>, 16> tables{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0xedb88320u : 0u);
      tables[0][i] = value;
    }
    for (size_t k = 1; k < 16; ++k) {
      for (uint32_t i = 0; i < 256; ++i) {
        const uint32_t before = tables[k - 1][i];
        tables[k][i] = before >> 8 ^ tables[0][before & 0xff];
      }
    }
    return tables;
  }();
  uint32_t crc = 0xffffffff;
  const std::byte* data = bytes.data();
  size_t left = bytes.size();
  for (; left >= 16; left -= 16, data += 16) {
    uint32_t words[4];
    std::memcpy(words, data, 16);  // little-endian, as every machine here
    words[0] ^= crc;
    crc = 0;
    for (size_t i = 0; i < 4; ++i) {
      for (size_t byte = 0; byte < 4; ++byte) {
        crc ^= kTables[15 - 4 * i - byte][words[i] >> (8 * byte) & 0xff];
      }
    }
  }
  for (; left > 0; --left, ++data) {
    crc = crc >> 8 ^ kTables[0][(crc ^ static_cast<uint32_t>(*data)) & 0xff];
  }
  return ~crc;
}

}  // namespace nnapi::session
