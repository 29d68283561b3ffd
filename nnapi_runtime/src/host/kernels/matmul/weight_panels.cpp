#include "host/kernels/matmul/weight_panels.h"

#include <algorithm>
#include <cstring>

#include "host/base/float16.h"
#include "host/kernels/convolution/quantized_sums.h"
#include "host/kernels/copy/copy_matrix.h"
#include "host/memory/aligned_bytes.h"
#include "host/threads/grain_size.h"
#include "host/threads/thread_pool.h"
#include "host/weights/packed_writer.h"

namespace nnapi::host {
namespace {

constexpr double kPackedInAMicrosecond = 8e3;  // bytes

// Bytes of a panel for each of its columns.
int64_t column_bytes(const Convolution& c, const TileLoops& loops, const Grid& grid) {
  const auto taps = static_cast<int64_t>(grid.taps.size());
  return c.quantised() ? 8 + taps * round_up(grid.depth, loops.group) : 4 + 4 * taps * grid.depth;
}

}  // namespace

Panels::Panels(const Convolution& c, const TileLoops& loops, const Grid& grid, int64_t multiple)
    : c_(c), loops_(loops), grid_(grid), groups_(c.groups), columns_(c.group_out()) {
  const int64_t vectors = (columns_ + loops.lanes - 1) / loops.lanes, half = loops.lanes / 2;
  const bool ends_in_half = loops.halves && vectors * loops.lanes - columns_ >= half;
  const int64_t width = vectors * loops.lanes - (ends_in_half ? half : 0);
  const auto bytes = static_cast<size_t>(column_bytes(c, loops, grid));
  used_bytes_ = bytes * static_cast<size_t>(width);
  group_bytes_ = AlignedBytes::round_up(used_bytes_);
  const int64_t most = c.quantised() ? loops.byte_vectors : loops.float_vectors;
  int64_t count = (vectors + most - 1) / most;
  if (count > 1) count = std::min(round_up(count, multiple), vectors);
  // Where not all panels are alike, the wider ones lie evenly among the others.
  for (int64_t panel = 0; panel < count; ++panel) {
    const int64_t first = panel * vectors / count, next = (panel + 1) * vectors / count;
    const int64_t first_column = first * loops.lanes;
    panels_.push_back(
        {.first_column = first_column,
         .offset = bytes * static_cast<size_t>(first_column),
         .vectors = static_cast<int>(next - first),
         .half = ends_in_half && next == vectors,
         .width = std::min(next * loops.lanes, width) - first_column,
         .columns = static_cast<int>(std::min(next * loops.lanes, columns_) - first_column)});
  }
}

template <class W>
void Panels::pack_reals(const W* weights, const W* bias, const Panel& panel, int64_t first,
                        char* to) const {
  auto* out = reinterpret_cast<float*>(to);
  const int64_t columns = panel.columns, width = panel.width;
  for (int64_t n = 0; n < width; ++n)
    *out++ = bias && n < columns ? to_float(bias[first + n]) : 0.0f;
  for (const Tap& tap : grid_.taps) {
    copy_matrix(weights + first * c_.weight.out + tap.weights, grid_.depth, columns,
                {c_.weight.in, c_.weight.out}, out, width);
    out += grid_.depth * width;
  }
}

template <class W>
void Panels::pack_steps(const W* weights, const int32_t* bias, const Panel& panel, int64_t first,
                        char* to) const {
  Writer out(to);
  const ByteZeros zero = ByteZeros::of(c_, loops_);
  const int64_t depth = grid_.depth, fan_in = depth * static_cast<int64_t>(grid_.taps.size());
  const int64_t columns = panel.columns, width = panel.width;
  const auto weight = [&](int64_t n, const Tap& tap, int64_t k) -> int32_t {
    if (n >= columns || k >= depth) return 0;
    return weights[(first + n) * c_.weight.out + tap.weights + k * c_.weight.in] -
           zero.weight_shift;
  };
  for (int64_t n = 0; n < width; ++n) {
    int64_t sum = 0;
    for (const Tap& tap : grid_.taps)
      for (int64_t k = 0; k < depth; ++k) sum += weight(n, tap, k);
    // Sums wrap around on their way; what they end in has been found to fit.
    const int64_t start = (bias && n < columns ? bias[first + n] : 0) - zero.input * sum +
                          fan_in * zero.input * zero.weight;
    out.put(static_cast<int32_t>(static_cast<uint32_t>(start)));
  }
  for (int64_t n = 0; n < width; ++n)
    out.put(n < columns ? static_cast<float>(c_.scale[first + n]) : 0.0f);
  for (const Tap& tap : grid_.taps)
    for (int64_t k = 0; k < depth; k += loops_.group)
      for (int64_t n = 0; n < width; ++n)
        for (int i = 0; i < loops_.group; ++i) out.put(static_cast<int8_t>(weight(n, tap, k + i)));
}

void Panels::pack_panel(const void* weights, const void* bias, const Panel& panel, int64_t first,
                        char* to) const {
  const auto* sums = static_cast<const int32_t*>(bias);
  switch (c_.weight_type) {
    case ANEURALNETWORKS_TENSOR_FLOAT32:
      return pack_reals(static_cast<const float*>(weights), static_cast<const float*>(bias), panel,
                        first, to);
    case ANEURALNETWORKS_TENSOR_FLOAT16:
      return pack_reals(static_cast<const Float16*>(weights), static_cast<const Float16*>(bias),
                        panel, first, to);
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM:
      return pack_steps(static_cast<const uint8_t*>(weights), sums, panel, first, to);
    default:
      return pack_steps(static_cast<const int8_t*>(weights), sums, panel, first, to);
  }
}

void Panels::pack(const void* weights, const void* bias, char* to) const {
  const int64_t count = groups_ * per_group();
  const double in_a_microsecond =
      kPackedInAMicrosecond / static_cast<double>(bytes()) * static_cast<double>(count);
  parallel_for(ThreadPool::instance(), count, grain_size(count, in_a_microsecond),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t group = i / per_group();
                   const Panel& panel = panels_[static_cast<size_t>(i % per_group())];
                   char* packed = to + group_bytes_ * static_cast<size_t>(group);
                   pack_panel(weights, bias, panel, group * columns_ + panel.first_column,
                              packed + panel.offset);
                   // What is between this group and the next, where there is anything.
                   if (&panel == &panels_.back())
                     std::memset(packed + used_bytes_, 0, group_bytes_ - used_bytes_);
                 }
               });
}

}  // namespace nnapi::host
