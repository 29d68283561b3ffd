// Memory for tensors: aligned, grown when more is needed, never zeroed.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace nnapi::host {

class Buffer {
 public:
  static constexpr size_t kAlignment = 64;

  Buffer() = default;
  ~Buffer() { release(); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  void* data() const { return data_; }
  size_t size() const { return size_; }

  // At least so many bytes; what they held is lost when they have to grow. An address even for 0.
  void* reserve(size_t bytes) {
    if (data_ == nullptr || size_ < bytes) {
      release();
      const size_t rounded = (bytes / kAlignment + 1) * kAlignment;
      data_ = ::operator new(rounded, std::align_val_t(kAlignment));
      size_ = rounded;
    }
    return data_;
  }
  void release() {
    ::operator delete(data_, std::align_val_t(kAlignment));
    data_ = nullptr;
    size_ = 0;
  }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace nnapi::host
