// Between the layouts and types that images have in memory and what the fast kernels compute on:
// channels last, float32 for float16, 8-bit values as they are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "host/arithmetic/image.h"

namespace nnapi::host {

struct Staging {
  Image image;
  bool nchw = false;
  int32_t type = 0;
  int64_t repeat = 1;  // copies of every channel, beside one another

  // Is the memory as it should be already?
  bool needless() const;
  // Bytes of the staged image.
  size_t bytes() const;

  void load(const void* from, void* staged, ThreadPool& pool) const;
  void store(const void* staged, void* to, ThreadPool& pool) const;  // repeat is 1
};

}  // namespace nnapi::host
