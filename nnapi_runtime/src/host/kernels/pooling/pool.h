// Pooling: one value out of each window of each channel. Padding takes no part in it.
#pragma once

#include "host/arithmetic/image.h"
#include "host/arithmetic/requantize.h"

namespace nnapi::host {

enum class PoolKind { kAverage, kMax, kL2 };

struct Pooling {
  PoolKind kind = PoolKind::kMax;
  Image in, out;
  WindowAxis y, x;  // every window position overlaps the image
  bool nchw = false;
  int32_t type = 0;
  ClampRange<float> float_range{};
  ClampRange<int32_t> byte_range{};
};

void pool(const Pooling& p, const void* input, void* output, ThreadPool& threads);

}  // namespace nnapi::host
