// A convolution as regular grids of output positions that all use the same taps. An ordinary one is
// a single grid. A transposed one falls apart into stride x stride of them: each uses only the taps
// that meet its positions, and sees the input like a convolution of stride 1.
#pragma once

#include <cstdint>
#include <vector>

#include "host/kernels/convolution/convolution.h"

namespace nnapi::host {

struct Tap {
  int64_t y, x;     // input position minus grid position times input step
  int64_t weights;  // where its weights begin
};

// Taps of a row whose inputs and weights lie one after the other are one wide tap: few input
// channels would leave the loops over them too short.
struct Grid {
  struct Axis {
    int64_t count;  // positions
    int64_t out_first, out_step;
    int64_t in_step;
  };
  Axis y, x;
  std::vector<Tap> taps;
  int64_t tap_pixels = 1;  // input pixels under a tap, side by side
  int64_t depth = 0;       // their input channels
  size_t packed_at = 0;    // where its panels begin in the packed weights
};

std::vector<Grid> grids_of(const Convolution& c);

}  // namespace nnapi::host
