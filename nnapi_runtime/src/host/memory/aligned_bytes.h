// Memory for packed weights: aligned as vector loads like it, and never resized.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace nnapi::host {

class AlignedBytes {
 public:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t round_up(size_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

  AlignedBytes() = default;
  explicit AlignedBytes(size_t bytes)
      : data_(static_cast<char*>(::operator new (bytes, std::align_val_t{kAlignment}))) {}

  char* get() const { return data_.get(); }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  struct Delete {
    void operator()(char* p) const { ::operator delete (p, std::align_val_t{kAlignment}); }
  };
  std::unique_ptr<char, Delete> data_;
};

}  // namespace nnapi::host
