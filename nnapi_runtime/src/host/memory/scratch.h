// Lays out arrays one after another in a block of scratch memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nnapi::host {

// Without a block it only counts. An operation takes its arrays in one function, called with a
// counting cursor by prepare (how much?) and with Node::scratch() by run (where?), so that the two
// cannot disagree.
class ScratchCursor {
 public:
  explicit ScratchCursor(void* block = nullptr) : block_(static_cast<std::byte*>(block)) {}

  // Room for `count` elements, aligned for any vector type; null while only counting.
  template <class T>
  T* take(size_t count) {
    std::byte* at = block_ ? block_ + bytes_ : nullptr;
    bytes_ += (count * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return reinterpret_cast<T*>(at);
  }

  bool counting() const { return block_ == nullptr; }
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kAlignment = 64;
  std::byte* block_;
  size_t bytes_ = 0;
};

}  // namespace nnapi::host
