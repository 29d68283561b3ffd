// Resizing images.
#pragma once

#include "host/arithmetic/image.h"

namespace nnapi::host {

struct Resizing {
  Image in, out;
  bool nchw = false;
  bool align_corners = false;       // the centres of the corner pixels stay where they are
  bool half_pixel_centers = false;  // pixel i is centred at i + 0.5 (never with align_corners)
  int32_t type = 0;
};

void resize_nearest(const Resizing& r, const void* input, void* output, ThreadPool& threads);
void resize_bilinear(const Resizing& r, const void* input, void* output, ThreadPool& threads);

}  // namespace nnapi::host
