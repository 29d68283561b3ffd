// A convolution as regular grids of output positions that all use the same taps. An ordinary one is
// a single grid. A transposed one falls apart into stride x stride of them: each uses only the taps
// that meet its positions, and sees the input like a convolution of stride 1.
#pragma once

#include <cstdint>
#include <vector>

#include "host/kernels/convolution.h"

namespace nnapi::host {

struct Tap {
  int64_t y, x;     // input position minus grid position times input step
  int64_t weights;  // where its weights begin
};

struct Grid {
  struct Axis {
    int64_t count;  // positions
    int64_t out_first, out_step;
    int64_t in_step;
  };
  Axis y, x;
  std::vector<Tap> taps;
  size_t packed_at = 0;  // where its panels begin in the packed weights
};

std::vector<Grid> grids_of(const Convolution& c);

}  // namespace nnapi::host
