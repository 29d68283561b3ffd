#include "host/kernels/winograd/winograd_plan.h"

#include <algorithm>
#include <limits>

#include "host/kernels/simd/simd_loops.h"
#include "host/kernels/winograd/winograd_half_tiles.h"
#include "host/kernels/winograd/winograd_tiling.h"
#include "host/kernels/winograd/winograd_weights.h"
#include "host/threads/thread_pool.h"
#include "host/threads/work_shares.h"

namespace nnapi::host {
namespace {

// What a block's tiles and a panel make: [products][tiles][columns].
constexpr int64_t kProductFloats = kBlockTiles * kPanelColumns + 16;
struct BlockProducts {
  alignas(64) float values[kTileProducts * kProductFloats];
};

class WinogradPlan final : public PackedPlan {
 public:
  explicit WinogradPlan(const Convolution& c) : PackedPlan(c, 1), cut_(c, loops_) {}

 private:
  size_t packed_bytes() const override { return winograd_weight_bytes(c_, cut_); }
  void pack(const void* weights, const void* bias, char* to) const override {
    pack_winograd_weights(c_, cut_, weights, bias, to);
  }
  // Every worker transforms the inputs of its blocks itself: another's are far away.
  size_t work_bytes() const override { return static_cast<size_t>(workers_ * cut_.block_bytes()); }

  bool has_rows() const override { return false; }
  void compute_rows(const ImageRows&, const ImageRows&, const char*, int64_t,
                    int64_t) const override {}

  void compute(const ConvolutionData& data, const char* packed, char* work,
               ThreadPool& pool) const override {
    int64_t transformed[kMostWorkers];  // the block that a worker has
    std::fill_n(transformed, workers_, -1);
    share_work(pool, cut_.items(), workers_, [&](int64_t worker, int64_t item) {
      auto* inputs = reinterpret_cast<float*>(work + worker * cut_.block_bytes());
      const int64_t block = item / cut_.panels;
      if (transformed[worker] != block)
        transform(static_cast<const float*>(data.input), block, inputs);
      transformed[worker] = block;
      multiply(data, inputs, block, item % cut_.panels, packed);
    });
  }

  // For how many there is work enough.
  int64_t useful_workers() const {
    const double products = static_cast<double>(kTileProducts * c_.in.channels * c_.out.channels) *
                            static_cast<double>(cut_.tiles);
    const double most = std::min<double>(kMostWorkers, 1 + products / 120e3);
    return std::min({cut_.items(), static_cast<int64_t>(most),
                     static_cast<int64_t>(ThreadPool::instance().size())});
  }

  // The inputs of a block.
  void transform(const float* input, int64_t block, float* to) const {
    const int64_t first = cut_.first_tile(block);
    cut_.for_each_run(first, cut_.end_tile(block),
                      [&](int64_t at, int64_t row, int64_t x, int64_t count) {
                        transform_run(input, row, x, count, to + (at - first) * cut_.tile_step);
                      });
  }

  void transform_run(const float* input, int64_t row, int64_t x, int64_t count, float* to) const {
    const int64_t rows = cut_.tiles_y, channels = c_.in.channels;
    WinogradInputs t;
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t iy = row % rows * 2 - c_.y.before + i;
      const bool inside = iy >= 0 && iy < c_.in.height;
      t.rows[i] = inside ? input + (row / rows * c_.in.height + iy) * c_.in.width * channels
                         : static_cast<const float*>(padding());
      t.row_steps[i] = inside ? channels : 0;
    }
    t.in_width = c_.in.width;
    t.channels = channels;
    t.first = 2 * x - c_.x.before;
    t.tiles = static_cast<int>(count);
    t.output = to;
    t.product_step = cut_.product_step;
    t.tile_step = cut_.tile_step;
    loops_.winograd_inputs(t);
  }

  // A block, whose transformed inputs are given, times a panel.
  void multiply(const ConvolutionData& data, const float* inputs, int64_t block, int64_t panel,
                const char* packed) const {
    const int64_t first = cut_.first_tile(block), end = cut_.end_tile(block);
    const int64_t first_vector = cut_.first_vector(panel),
                  width = (cut_.first_vector(panel + 1) - first_vector) * cut_.lanes,
                  depth = c_.in.channels;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    BlockProducts products;
    FloatTiles tiles{};
    tiles.taps = 1;
    tiles.depth = depth;
    tiles.vectors = static_cast<int>(width / cut_.lanes);
    tiles.columns = static_cast<int>(width);
    tiles.range = {-kInfinity, kInfinity};
    tiles.panel = reinterpret_cast<const float*>(packed) +
                  kTileProducts * (1 + depth) * first_vector * cut_.lanes;
    const HalfTiles half(cut_, first, end);
    const float* input_table[kBlockTiles];
    float* output_table[kBlockTiles];
    for (int64_t i = 0; i < kTileProducts; ++i, tiles.panel += (1 + depth) * width) {
      const float* from = inputs + i * cut_.product_step;
      float* to = products.values + i * kProductFloats;
      tiles.inputs = {.first = from, .step = cut_.tile_step};
      tiles.outputs = {.first = to, .step = width};
      tiles.pixels = static_cast<int>(end - first);
      if (half.any_lacks(i)) {
        tiles.inputs = {.table = input_table};
        tiles.outputs = {.table = output_table};
        tiles.pixels = 0;
        for (int64_t tile = 0; tile < end - first; ++tile) {
          if (half.lacks(tile, i)) continue;
          input_table[tiles.pixels] = from + tile * cut_.tile_step;
          output_table[tiles.pixels++] = to + tile * width;
        }
      }
      if (tiles.pixels != 0) loops_.float_tiles(tiles);
    }
    cut_.for_each_run(first, end, [&](int64_t at, int64_t row, int64_t x, int64_t count) {
      finish_run(data, products.values + (at - first) * width, row, x, count,
                 first_vector * cut_.lanes, width);
    });
  }

  // Output channels [first, first + width) of a run of tiles.
  void finish_run(const ConvolutionData& data, const float* products, int64_t row, int64_t x,
                  int64_t count, int64_t first, int64_t width) const {
    const int64_t rows = cut_.tiles_y, channels = c_.out.channels;
    const int64_t oy = row % rows * 2, out_row = row / rows * c_.out.height + oy;
    const int height = oy + 1 < c_.out.height ? 2 : 1;
    bool finite[kBlockTiles];
    WinogradOutputs t;
    t.products = products;
    t.product_step = kProductFloats;
    t.tile_step = width;
    t.tiles = static_cast<int>(count);
    t.vectors = static_cast<int>(width / cut_.lanes);
    t.columns = static_cast<int>(std::min(width, channels - first));
    t.rows[0] =
        static_cast<float*>(data.output) + (out_row * c_.out.width + 2 * x) * channels + first;
    t.rows[1] = height == 2 ? t.rows[0] + c_.out.width * channels : nullptr;
    t.width = c_.out.width - 2 * x;
    t.pixel_step = channels;
    t.range = c_.float_range;
    t.finite = finite;
    loops_.winograd_outputs(t);
    for (int64_t tile = 0; tile < count; ++tile) {
      if (finite[tile]) continue;
      // Infinities and NaN are spread over the whole tile, and sums may be too large on their way.
      const int64_t ox = 2 * (x + tile);
      for (int64_t i = 0; i < height; ++i)
        for (int64_t j = ox; j < std::min(ox + 2, c_.out.width); ++j)
          convolve_staged_pixel(c_, data, out_row + i, j, first, first + t.columns);
    }
  }

  const TileLoops& loops_ = tile_loops();
  const WinogradCut cut_;
  const int64_t workers_ = useful_workers();
};

bool is_fit(const Convolution& c) {
  for (const WindowAxis* axis : {&c.y, &c.x})
    if (axis->filter != 3 || axis->stride != 1 || axis->dilation != 1) return false;
  return !c.quantised() && !c.transposed && c.groups == 1;
}

// The transforms cost as much as a few channels; few pixels wait for weights, of which there are 16
// instead of 9; and half tiles waste what they save.
bool is_faster(const Convolution& c) {
  constexpr int64_t kLeastChannels = 16, kLeastPixels = 32;
  const int64_t tiles = (c.out.height + 1) / 2 * ((c.out.width + 1) / 2);
  return std::min(c.in.channels, c.out.channels) >= kLeastChannels &&
         c.out.batch * c.out.pixels() >= kLeastPixels &&
         4 * kTileProducts * tiles <= 3 * 9 * c.out.pixels();
}

}  // namespace

std::unique_ptr<PackedPlan> plan_winograd(const Convolution& c) {
  if (!is_fit(c) || !is_faster(c)) return nullptr;
  return std::make_unique<WinogradPlan>(c);
}

}  // namespace nnapi::host
