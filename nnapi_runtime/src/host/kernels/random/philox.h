// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): random
// numbers as a function of a counter, so that the same key gives the same numbers on every machine.
#pragma once

#include <array>
#include <cstdint>

namespace nnapi::host {

class Philox {
 public:
  explicit Philox(uint64_t key) : key_(key) {}

  // Four random words for this counter.
  std::array<uint32_t, 4> block(uint64_t counter) const {
    std::array<uint32_t, 4> c{static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32)};
    uint32_t k0 = static_cast<uint32_t>(key_), k1 = static_cast<uint32_t>(key_ >> 32);
    for (int round = 0; round < 10; ++round) {
      const uint64_t p0 = uint64_t{0xD2511F53} * c[0], p1 = uint64_t{0xCD9E8D57} * c[2];
      c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1),
           static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(p0)};
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    return c;
  }

  // A number in [0, 1) for this counter, of 53 random bits.
  double uniform(uint64_t counter) const {
    const auto words = block(counter);
    const uint64_t bits = uint64_t{words[1]} << 32 | words[0];
    return static_cast<double>(bits >> 11) * 0x1p-53;
  }

 private:
  uint64_t key_;
};

}  // namespace nnapi::host
