// How the output pixels of a grid are cut into blocks, and what a block of them is.
#pragma once

#include <algorithm>
#include <cstdint>

#include "host/kernels/matmul/kernel_tap_grids.h"
#include "host/kernels/simd/simd_loops.h"
#include "host/threads/grain_size.h"

namespace nnapi::host {

constexpr int64_t kBlockPixels = 64;    // pixels that pass a panel while it is in the cache
constexpr int64_t kLongBlock = 48;      // the same where there are many: whole tiles of any height
constexpr int64_t kMaxInputs = 4096;    // input addresses of a block
constexpr int64_t kMaxPatches = 16384;  // elements of a block's wide taps that reach into padding
constexpr int64_t kMaxGrids = 64;
constexpr int64_t kManyPieces = 16;   // enough for some threads to have equal shares
constexpr int64_t kLeastPixels = 12;  // that make good use of a panel

// A block of consecutive output pixels of a grid: where their inputs and outputs are, and (for
// steps) what the weights' zero point adds to their sums.
template <class Element>
struct Block {
  int64_t pixels;
  Pixels<const Element> inputs;  // a table: [taps][pixels]
  Pixels<Element> outputs;
  const Element* input_table[kMaxInputs];
  Element* output_table[kBlockPixels];
  int32_t row_terms[kBlockPixels];
  Element patches[kMaxPatches];
};

// How the work on a grid is cut: into blocks of output pixels, and where these are few, their
// panels as well. It does not depend on the number of threads.
struct WorkCut {
  int64_t capacity;  // of a block, in pixels
  int64_t pixels, block_pixels, blocks, panels, cuts, grain;
  // Where one block would do, weights are most of what is read: all blocks pass a panel before the
  // next one, so that threads share the panels.
  bool panels_first;

  WorkCut(const Convolution& c, const Grid& grid, int64_t per_group)
      : pixels(c.out.batch * grid.y.count * grid.x.count), panels(c.groups * per_group) {
    const auto taps = static_cast<int64_t>(grid.taps.size());
    capacity = std::min(pixels > 4 * kBlockPixels ? kLongBlock : kBlockPixels,
                        kMaxInputs / std::max<int64_t>(taps, 1));
    if (grid.tap_pixels > 1) capacity = std::min(capacity, kMaxPatches / (taps * grid.depth));
    blocks = (pixels + capacity - 1) / capacity;
    panels_first = blocks == 1;
    if (panels_first && panels < kManyPieces && pixels >= 2 * kLeastPixels) blocks = 2;
    block_pixels = (pixels + blocks - 1) / blocks;
    blocks = (pixels + block_pixels - 1) / block_pixels;
    cuts = (kManyPieces + blocks - 1) / blocks;
    if (blocks < 2 * kManyPieces) cuts += blocks * cuts % 2;  // equal shares for two threads
    cuts = std::min(cuts, panels);
    grain =
        grain_size(blocks * cuts, static_cast<double>(cuts) / microseconds(c, taps * grid.depth));
  }

  // That a block takes, by its multiplications or its weights, whichever there are more of.
  double microseconds(const Convolution& c, int64_t fan_in) const {
    const double weights = static_cast<double>(c.out.channels) * static_cast<double>(fan_in + 1);
    const double products = weights * static_cast<double>(block_pixels);
    return c.quantised() ? std::max(products / 400e3, weights / 150e3)
                         : std::max(products / 100e3, weights / 40e3);
  }

  // Item i: a block, and some of the panels.
  int64_t block_of(int64_t i) const { return panels_first ? i % blocks : i / cuts; }
  int64_t part_of(int64_t i) const { return panels_first ? i / blocks : i % cuts; }
  // How many parts of one block, this one and those beside it, are consecutive items from i on.
  int64_t parts_after(int64_t i) const {
    return panels_first && blocks > 1 ? 1 : cuts - part_of(i);
  }
};

}  // namespace nnapi::host
