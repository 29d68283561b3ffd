#include "host/kernels/matmul/single_row_plan.h"

#include <type_traits>
#include <utility>
#include <vector>

#include "host/kernels/convolution/quantized_sums.h"
#include "host/kernels/matmul/kernel_tap_grids.h"
#include "host/kernels/matmul/weight_panels.h"
#include "host/kernels/simd/simd_loops.h"
#include "host/threads/grain_size.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

// What caches further out than the first give one processor in a microsecond.
constexpr double kBytesInAMicrosecond = 110e3;

constexpr int64_t kThreadsOfEqualShare = 2;

// The weights are read once and used once. A model of many small layers of this kind spends as
// long around the loops as in them, so all that does not depend on where the row is, is settled
// when the plan is made.
template <class Element>
class SingleRowPlan final : public PackedPlan {
 public:
  explicit SingleRowPlan(const Convolution& c)
      : PackedPlan(c, 1),
        grid_(std::move(grids_of(c_).front())),
        panels_(c_, loops_, grid_, kThreadsOfEqualShare) {
    for (int64_t i = 0; i < panels_.per_group(); ++i) tiles_.push_back(tiles_of(panels_[i]));
    const auto count = static_cast<double>(panels_.per_group());
    grain_ = grain_size(panels_.per_group(),
                        count * kBytesInAMicrosecond / static_cast<double>(panels_.bytes()));
  }

 private:
  static constexpr bool kReal = std::is_same_v<Element, float>;
  using Tiles = std::conditional_t<kReal, FloatTiles, ByteTiles>;

  size_t packed_bytes() const override { return panels_.bytes(); }

  void pack(const void* weights, const void* bias, char* to) const override {
    panels_.pack(weights, bias, to);
  }

  void compute(const ConvolutionData& data, const char* packed, char* /*work*/,
               ThreadPool& pool) const override {
    parallel_for(pool, panels_.per_group(), grain_, [&, packed](int64_t begin, int64_t end) {
      multiply(data.input, data.output, packed, begin, end);
    });
  }

  bool has_rows() const override { return true; }

  void compute_rows(const ImageRows& input, const ImageRows& output, const char* packed,
                    int64_t begin, int64_t) const override {
    multiply(input.row(begin), output.row(begin), packed, 0, panels_.per_group());
  }

  // The row times panels [begin, end).
  void multiply(const void* input, void* output, const char* packed, int64_t begin,
                int64_t end) const {
    for (int64_t i = begin; i < end; ++i) {
      Tiles tiles = tiles_[static_cast<size_t>(i)];
      tiles.inputs.first = static_cast<const Element*>(input);
      tiles.outputs.first = static_cast<Element*>(output);
      tiles.panel = reinterpret_cast<decltype(tiles.panel)>(packed + panels_[i].offset);
      if constexpr (kReal)
        loops_.float_tiles(tiles);
      else
        loops_.byte_tiles(tiles);
    }
  }

  // Without the places of the row, the result and the weights.
  Tiles tiles_of(const Panels::Panel& panel) const {
    Tiles tiles{};
    tiles.taps = 1;
    tiles.depth = grid_.depth;
    tiles.pixels = 1;
    tiles.first_column = panel.first_column;
    tiles.vectors = panel.vectors;
    tiles.half = panel.half;
    tiles.columns = panel.columns;
    if constexpr (kReal) {
      tiles.range = c_.float_range;
    } else {
      tiles.flip = input_flip(c_, loops_);
      tiles.out = step_output(c_);
    }
    return tiles;
  }

  const TileLoops& loops_ = tile_loops();
  const Grid grid_;
  const Panels panels_;
  std::vector<Tiles> tiles_;  // of each panel
  int64_t grain_;
};

}  // namespace

std::unique_ptr<PackedPlan> plan_single_row(const Convolution& c) {
  const auto is_first = [](const WindowAxis& axis, int64_t in) {
    return axis.filter == 1 && axis.before == 0 && in > 0;
  };
  const bool sees_one = is_first(c.y, c.in.height) && is_first(c.x, c.in.width);
  if (c.transposed || c.groups != 1 || c.out.batch * c.out.pixels() != 1 || !sees_one)
    return nullptr;
  if (!c.quantised()) return std::make_unique<SingleRowPlan<float>>(c);
  if (ByteZeros::of(c, tile_loops()).weight != 0) return nullptr;
  return std::make_unique<SingleRowPlan<uint8_t>>(c);
}

}  // namespace nnapi::host
