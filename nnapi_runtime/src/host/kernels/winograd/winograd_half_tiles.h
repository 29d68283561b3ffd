// Where the output's height or width are odd, the last tiles of Winograd's convolution are halves,
// and do without the products that only add to their other half.
#pragma once

#include <cstdint>

#include "host/kernels/winograd/winograd_tiling.h"

namespace nnapi::host {

// Of a block, tiles [first, end) of all.
class HalfTiles {
 public:
  HalfTiles(const WinogradCut& cut, int64_t first, int64_t end)
      : lack_((cut.odd_height ? kLower : 0) | (cut.odd_width ? kRight : 0)) {
    if (!lack_) return;
    cut.for_each_run(first, end, [&](int64_t at, int64_t row, int64_t x, int64_t count) {
      const bool is_upper = cut.odd_height && row % cut.tiles_y == cut.tiles_y - 1;
      for (int64_t i = 0; i < count; ++i) {
        const bool is_left = cut.odd_width && x + i == cut.tiles_x - 1;
        lacks_[at - first + i] = (is_upper ? kLower : 0) | (is_left ? kRight : 0);
      }
    });
  }

  // Does any tile do without this product?
  bool any_lacks(int64_t product) const { return lack_ & parts(product); }
  // Only where any does: does this one, counted from the first?
  bool lacks(int64_t tile, int64_t product) const { return lacks_[tile] & parts(product); }

 private:
  static constexpr unsigned kLower = 1, kRight = 2;

  // The half that this product adds to alone.
  static unsigned parts(int64_t product) {
    return (product / 4 == 3 ? kLower : 0) | (product % 4 == 3 ? kRight : 0);
  }

  unsigned lack_;
  unsigned lacks_[kBlockTiles];
};

}  // namespace nnapi::host
