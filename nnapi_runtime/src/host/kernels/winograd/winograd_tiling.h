// How a convolution by Winograd's method is cut: output pixels into tiles of 2x2, tiles into blocks
// that pass panels of transformed weights. None of it depends on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "host/kernels/convolution/convolution.h"
#include "host/kernels/simd/simd_loops.h"

namespace nnapi::host {

constexpr int64_t kTileProducts = 16;
constexpr int64_t kBlockTiles = 64;       // at most
constexpr int64_t kLeastTiles = 24;       // that make good use of a panel
constexpr int64_t kBlockBytes = 2 << 20;  // of transformed inputs, mostly
// Wider panels are no faster, and of few tiles they would ask for weights sooner than memory has
// them.
constexpr int64_t kPanelVectors = 2;
constexpr int64_t kPanelColumns = 32;
constexpr int64_t kFewItems = 4;    // that threads can share at all
constexpr int64_t kManyItems = 16;  // that they share equally, whatever the number

struct WinogradCut {
  bool odd_height, odd_width;
  int64_t tiles_x, tiles_y, tiles;  // of a row; of a column; of all images
  int64_t lanes, vectors, panels;
  int64_t block_tiles, blocks;
  // In the transformed inputs of a block: [products][tiles][channels].
  int64_t tile_step, product_step;

  WinogradCut(const Convolution& c, const TileLoops& loops)
      : odd_height(c.out.height % 2 != 0),
        odd_width(c.out.width % 2 != 0),
        tiles_x((c.out.width + 1) / 2),
        tiles_y((c.out.height + 1) / 2),
        tiles(c.out.batch * tiles_y * tiles_x),
        lanes(loops.lanes),
        vectors((c.out.channels + lanes - 1) / lanes),
        panels((vectors + kPanelVectors - 1) / kPanelVectors) {
    if (panels > 1) panels += panels % 2;  // equal shares for two threads
    tile_step = (c.in.channels + lanes - 1) / lanes * lanes;
    const int64_t fitting = kBlockBytes / (kTileProducts * tile_step * int64_t{sizeof(float)});
    const int64_t most = std::clamp(fitting, kLeastTiles, kBlockTiles);
    blocks = (tiles + most - 1) / most;
    // Where items are few, smaller blocks, so that threads have shares.
    blocks = std::max(blocks, std::min(kFewItems / panels, tiles / kLeastTiles));
    if (panels == 1 && blocks > 1 && blocks < kManyItems) blocks += blocks % 2;
    block_tiles = (tiles + blocks - 1) / blocks;
    blocks = (tiles + block_tiles - 1) / block_tiles;
    // A line more, so that a tile's inputs of all products do not fall into the same few places of
    // the cache.
    product_step = block_tiles * tile_step + kLine;
  }

  // A block and a panel are an item of work.
  int64_t items() const { return blocks * panels; }
  int64_t block_bytes() const {
    return kTileProducts * product_step * static_cast<int64_t>(sizeof(float));
  }
  int64_t first_vector(int64_t panel) const { return panel * vectors / panels; }
  int64_t first_tile(int64_t block) const { return block * block_tiles; }
  int64_t end_tile(int64_t block) const { return std::min(first_tile(block) + block_tiles, tiles); }

  // Cuts tiles [begin, end) into those beside each other: run(tile, row of tiles, counted through
  // all images, place in the row, count).
  template <class Run>
  void for_each_run(int64_t begin, int64_t end, const Run& run) const {
    for (int64_t tile = begin, count; tile < end; tile += count) {
      const int64_t x = tile % tiles_x;
      count = std::min(end - tile, tiles_x - x);
      run(tile, tile / tiles_x, x, count);
    }
  }

 private:
  static constexpr int64_t kLine = 16;
};

}  // namespace nnapi::host
