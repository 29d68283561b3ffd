#include "host/kernels/matmul/implicit_gemm_plan.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "host/kernels/convolution/quantized_sums.h"
#include "host/kernels/matmul/kernel_tap_grids.h"
#include "host/kernels/matmul/pixel_block.h"
#include "host/kernels/matmul/weight_panels.h"
#include "host/kernels/simd/simd_loops.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

template <class Element>
class GridPlan final : public PackedPlan {
 public:
  GridPlan(const Convolution& c, std::vector<Grid> grids)
      : PackedPlan(c, 1, grids.front().tap_pixels), grids_(std::move(grids)) {
    for (Grid& grid : grids_) {
      grid.packed_at = packed_bytes_;
      const Panels& panels = panels_.emplace_back(c_, loops_, grid);
      packed_bytes_ += AlignedBytes::round_up(panels.bytes());
      cuts_.emplace_back(c_, grid, panels.per_group());
    }
  }

 private:
  static constexpr bool kReal = std::is_same_v<Element, float>;
  using Tiles = std::conditional_t<kReal, FloatTiles, ByteTiles>;

  size_t packed_bytes() const override { return packed_bytes_; }

  void pack(const void* weights, const void* bias, char* to) const override {
    for (size_t i = 0; i < grids_.size(); ++i)
      panels_[i].pack(weights, bias, to + grids_[i].packed_at);
  }

  void compute(const ConvolutionData& data, const char* packed, char* /*work*/,
               ThreadPool& pool) const override {
    const ImageRows in = rows_of(c_.in, const_cast<void*>(data.input)),
                    out = rows_of(c_.out, data.output);
    for (size_t i = 0; i < grids_.size(); ++i)
      compute_grid(grids_[i], panels_[i], cuts_[i], in, out, packed + grids_[i].packed_at, pool);
  }

  bool has_rows() const override { return grids_.size() == 1; }

  void compute_rows(const ImageRows& input, const ImageRows& output, const char* packed,
                    int64_t begin, int64_t end) const override {
    const Grid& grid = grids_.front();
    const Panels& panels = panels_.front();
    const int64_t pixels = (end - begin) * c_.out.width, capacity = cuts_.front().capacity;
    const int64_t blocks = (pixels + capacity - 1) / capacity;
    Block<Element> block;
    for (int64_t i = 0; i < blocks; ++i) {
      const int64_t first = i * pixels / blocks, count = (i + 1) * pixels / blocks - first;
      fill(block, grid, input, output, begin * c_.out.width + first, count);
      multiply(block, grid, panels, packed, 0, c_.groups * panels.per_group());
    }
  }

  static ImageRows rows_of(const Image& image, void* data) {
    return {static_cast<char*>(data),
            image.width * image.channels * static_cast<int64_t>(sizeof(Element))};
  }

  void compute_grid(const Grid& grid, const Panels& panels, const WorkCut& cut,
                    const ImageRows& input, const ImageRows& output, const char* packed,
                    ThreadPool& pool) const {
    const int64_t items = cut.blocks * cut.cuts;
    // Every item is the same wherever a piece begins, so a thread by itself need not begin anew.
    const int64_t grain = pool.size() == 1 ? items : cut.grain;
    parallel_for(pool, items, grain, [&](int64_t begin, int64_t end) {
      Block<Element> block;
      int64_t current = -1;
      for (int64_t i = begin, parts; i < end; i += parts) {
        const int64_t number = cut.block_of(i), part = cut.part_of(i);
        parts = std::min(end - i, cut.parts_after(i));
        if (number != current) {
          current = number;
          const int64_t first = current * cut.block_pixels;
          fill(block, grid, input, output, first, std::min(cut.block_pixels, cut.pixels - first));
        }
        multiply(block, grid, panels, packed, part * cut.panels / cut.cuts,
                 (part + parts) * cut.panels / cut.cuts);
      }
    });
  }

  // Finds inputs and outputs of `count` pixels from `first` on.
  void fill(Block<Element>& block, const Grid& grid, const ImageRows& input,
            const ImageRows& output, int64_t first, int64_t count) const {
    block.pixels = count;
    if (is_even(input, output, first, first + count - 1)) {
      const int64_t line = first / c_.out.width, x = first % c_.out.width;
      const int64_t in_line =
          line / c_.out.height * c_.in.height + line % c_.out.height * c_.y.stride;
      const int64_t step = c_.x.stride * c_.in.channels;
      block.inputs = {.first = reinterpret_cast<const Element*>(input.row(in_line)) + x * step,
                      .step = step};
      block.outputs = {.first = reinterpret_cast<Element*>(output.row(line)) + x * c_.out.channels,
                       .step = c_.out.channels};
      return;
    }
    block.inputs = {.table = block.input_table};
    block.outputs = {.table = block.output_table};
    Element* patch = block.patches;
    int64_t gx = first % grid.x.count, line = first / grid.x.count;
    for (int64_t pixel = 0; pixel < count; gx = 0, ++line) {
      const int64_t run = std::min(count - pixel, grid.x.count - gx);
      const int64_t b = line / grid.y.count, gy = line % grid.y.count;
      const int64_t oy = grid.y.out_first + gy * grid.y.out_step,
                    ox = grid.x.out_first + gx * grid.x.out_step;
      Element* out =
          reinterpret_cast<Element*>(output.row(b * c_.out.height + oy)) + ox * c_.out.channels;
      for (int64_t i = 0; i < run; ++i)
        block.output_table[pixel + i] = out + i * grid.x.out_step * c_.out.channels;
      const Element** inputs = block.input_table + pixel;
      for (const Tap& tap : grid.taps) {
        const int64_t iy = gy * grid.y.in_step + tap.y;
        const bool inside = iy >= 0 && iy < c_.in.height;
        const char* row = inside ? input.row(b * c_.in.height + iy) : nullptr;
        fill_run(grid, reinterpret_cast<const Element*>(row), gx * grid.x.in_step + tap.x, run,
                 inputs, &patch);
        inputs += count;
      }
      pixel += run;
    }
  }

  // Inputs under one tap of `run` pixels beside each other, of which the first sees pixel ix of
  // the row (null: padding).
  void fill_run(const Grid& grid, const Element* row, int64_t ix, int64_t run,
                const Element** inputs, Element** patch) const {
    const auto* padding = static_cast<const Element*>(this->padding());
    if (!row) {
      std::fill_n(inputs, run, padding);
      return;
    }
    const int64_t step = grid.x.in_step, last = c_.in.width - grid.tap_pixels;
    const int64_t begin = std::min(run, ix < 0 ? (step - 1 - ix) / step : 0);
    const int64_t end = std::max(begin, ix > last ? 0 : std::min(run, (last - ix) / step + 1));
    const auto at_border = [&](int64_t i) {
      const int64_t at = ix + i * step;
      return at + grid.tap_pixels <= 0 || at >= c_.in.width ? padding
                                                            : make_patch(grid, row, at, patch);
    };
    for (int64_t i = 0; i < begin; ++i) inputs[i] = at_border(i);
    const Element* from = row + (ix + begin * step) * c_.in.channels;
    for (int64_t i = begin; i < end; ++i, from += step * c_.in.channels) inputs[i] = from;
    for (int64_t i = end; i < run; ++i) inputs[i] = at_border(i);
  }

  // Does every output pixel see one input pixel, none of them padding?
  bool sees_points() const {
    const auto inside = [](const WindowAxis& axis, int64_t in, int64_t out) {
      return axis.filter == 1 && axis.before == 0 && (out - 1) * axis.stride < in;
    };
    return !c_.transposed && inside(c_.y, c_.in.height, c_.out.height) &&
           inside(c_.x, c_.in.width, c_.out.width);
  }

  // Are output pixels [first, last] and those that they see at even distances?
  bool is_even(const ImageRows& input, const ImageRows& output, int64_t first, int64_t last) const {
    if (!sees_points_) return false;
    const int64_t line = first / c_.out.width, last_line = last / c_.out.width;
    return line == last_line ||
           (c_.y.stride == 1 && c_.x.stride == 1 && c_.in.height == c_.out.height &&
            c_.in.width == c_.out.width && input.is_contiguous(line, last_line) &&
            output.is_contiguous(line, last_line));
  }

  // Input pixels from ix on under a wide tap, some of which are padding.
  const Element* make_patch(const Grid& grid, const Element* row, int64_t ix,
                            Element** patch) const {
    const auto* padding = static_cast<const Element*>(this->padding());
    Element* const made = *patch;
    for (int64_t i = ix; i < ix + grid.tap_pixels; ++i)
      *patch = std::copy_n(i >= 0 && i < c_.in.width ? row + i * c_.in.channels : padding,
                           c_.in.channels, *patch);
    return made;
  }

  // The block times panels [begin, end) of all groups' panels.
  void multiply(Block<Element>& block, const Grid& grid, const Panels& panels, const char* packed,
                int64_t begin, int64_t end) const {
    Tiles tiles = tiles_of(block, grid);
    int64_t summed = -1;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = c_.groups == 1 ? 0 : i / panels.per_group();
      const Panels::Panel& panel = panels[i - group * panels.per_group()];
      if (needs_row_terms_ && group != summed) {
        add_rows(block, grid, group);
        summed = group;
      }
      const size_t at = panels.group_bytes() * static_cast<size_t>(group) + panel.offset;
      tiles.panel = reinterpret_cast<decltype(tiles.panel)>(packed + at);
      tiles.first_channel = group * c_.group_in();
      tiles.first_column = group * c_.group_out() + panel.first_column;
      tiles.vectors = panel.vectors;
      tiles.half = panel.half;
      tiles.columns = panel.columns;
      if constexpr (kReal)
        loops_.float_tiles(tiles);
      else
        loops_.byte_tiles(tiles);
    }
  }

  // Of the block, without a panel.
  Tiles tiles_of(const Block<Element>& block, const Grid& grid) const {
    Tiles tiles{};
    tiles.inputs = block.inputs;
    tiles.input_step = block.pixels;
    tiles.taps = static_cast<int64_t>(grid.taps.size());
    tiles.depth = grid.depth;
    tiles.pixels = static_cast<int>(block.pixels);
    tiles.outputs = block.outputs;
    if constexpr (kReal) {
      tiles.range = c_.float_range;
    } else {
      tiles.row_terms = needs_row_terms_ ? block.row_terms : nullptr;
      tiles.flip = input_flip(c_, loops_);
      tiles.out = step_output(c_);
    }
    return tiles;
  }

  // -weight zero point * sum of a row's inputs, for all rows.
  void add_rows(Block<Element>& block, const Grid& grid, int64_t group) const {
    // Signed numbers are unsigned ones less 128.
    const uint8_t flip = input_flip(c_, loops_) ^ (loops_.signed_inputs ? 0x80 : 0);
    const uint32_t excess = loops_.signed_inputs ? 128 : 0;
    for (int64_t pixel = 0; pixel < block.pixels; ++pixel) {
      uint32_t sum = 0u - excess * static_cast<uint32_t>(grid.depth * grid.taps.size());
      for (size_t tap = 0; tap < grid.taps.size(); ++tap) {
        const Element* x =
            block.inputs[pixel + static_cast<int64_t>(tap) * block.pixels] + group * c_.group_in();
        for (int64_t k = 0; k < grid.depth; ++k)
          sum += static_cast<uint8_t>(static_cast<uint8_t>(x[k]) ^ flip);
      }
      const auto zero = static_cast<uint32_t>(ByteZeros::of(c_, loops_).weight);
      block.row_terms[pixel] = static_cast<int32_t>(0u - zero * sum);
    }
  }

  const TileLoops& loops_ = tile_loops();
  const bool sees_points_ = sees_points();
  const bool needs_row_terms_ = c_.quantised() && ByteZeros::of(c_, loops_).weight != 0;
  std::vector<Grid> grids_;
  std::vector<Panels> panels_;  // of each grid
  std::vector<WorkCut> cuts_;   // likewise
  size_t packed_bytes_ = 0;
};

}  // namespace

std::unique_ptr<PackedPlan> plan_grids(const Convolution& c) {
  const int64_t phases =
      c.transposed ? std::min(c.y.stride, kMaxGrids + 1) * std::min(c.x.stride, kMaxGrids + 1) : 1;
  if (phases > kMaxGrids) return nullptr;
  std::vector<Grid> grids = grids_of(c);
  for (const Grid& grid : grids)
    if (static_cast<int64_t>(grid.taps.size()) > kMaxInputs) return nullptr;
  if (c.quantised()) return std::make_unique<GridPlan<uint8_t>>(c, std::move(grids));
  return std::make_unique<GridPlan<float>>(c, std::move(grids));
}

}  // namespace nnapi::host
