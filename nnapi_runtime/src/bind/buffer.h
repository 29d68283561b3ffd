// An object of the buffer protocol, held: its memory stays where it is as long as this lives.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <span>
#include <utility>

#include "loader/element.h"

namespace nnapi::bind {

class Buffer {
 public:
  // A C-contiguous view of `object`. Throws ArgumentError, whose text begins with `what`. Needs the
  // GIL, as the destructor does.
  Buffer(nanobind::handle object, const char* what, bool writable = false);
  ~Buffer() { PyBuffer_Release(&view_); }
  Buffer(Buffer&& other) noexcept : view_(std::exchange(other.view_, {})) {}
  Buffer& operator=(Buffer&&) = delete;

  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(view_.buf), static_cast<size_t>(view_.len)};
  }
  void* data() const { return view_.buf; }
  std::span<const Py_ssize_t> shape() const {
    return {view_.shape, static_cast<size_t>(view_.ndim)};
  }
  // Kind kNone for what NNAPI has no type for.
  loader::Element element() const;

 private:
  Py_buffer view_{};
};

}  // namespace nnapi::bind
