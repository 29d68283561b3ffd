// A fast hash of bytes, against damage and mistakes, not against those who seek equal ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace nnapi::host {

// FNV-1a, eight bytes at a time; long stretches in four chains that do not wait for each other.
class Hash {
 public:
  void add(const void* data, size_t bytes) {
    const auto* p = static_cast<const uint8_t*>(data);
    mix(&value_, bytes);
    if (bytes >= 256) {
      uint64_t chains[kChains] = {1, 2, 3, 4};
      for (; bytes >= 8 * kChains; p += 8 * kChains, bytes -= 8 * kChains)
        for (size_t i = 0; i < kChains; ++i) mix(&chains[i], word(p + 8 * i));
      for (uint64_t chain : chains) mix(&value_, chain);
    }
    for (; bytes >= 8; p += 8, bytes -= 8) mix(&value_, word(p));
    uint64_t rest = 0;
    if (bytes != 0) std::memcpy(&rest, p, bytes);  // p may be null where there is nothing
    mix(&value_, rest);
  }
  template <class T>
  void add_value(T value) {
    mix(&value_, static_cast<uint64_t>(value));
  }
  template <class T>
  void add_list(const std::vector<T>& list) {
    add(list.data(), list.size() * sizeof(T));
  }
  uint64_t value() const { return value_; }

 private:
  static constexpr size_t kChains = 4;

  static uint64_t word(const uint8_t* p) {
    uint64_t word;
    std::memcpy(&word, p, sizeof word);
    return word;
  }
  static void mix(uint64_t* value, uint64_t word) {
    *value = (*value ^ word) * 0x100000001b3ull;
    *value ^= *value >> 29;
  }
  uint64_t value_ = 0xcbf29ce484222325ull;
};

}  // namespace nnapi::host
