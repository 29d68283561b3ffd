// The fuzzer's input, as what it chooses.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nnapi::fuzz {

// Read from the front; zeros when it is used up.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return size_ == 0; }
  uint32_t next() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  uint32_t below(uint32_t limit) { return (next() | (limit > 256 ? next() << 8 : 0)) % limit; }
  bool one_in(uint32_t n) { return next() % n == n - 1; }

 private:
  const uint8_t* data_;
  size_t size_;
};

}  // namespace nnapi::fuzz
