#include "host/kernels/winograd/winograd_weights.h"

#include <algorithm>

#include "host/arithmetic/vector_loop.h"
#include "host/base/float16.h"
#include "host/kernels/copy/copy_matrix.h"

namespace nnapi::host {
namespace {

// The product that adds to all four pixels of a tile, unchanged: the bias is there.
constexpr int64_t kBiasProduct = 5;

// Of some input channels and a panel's output channels, which lie side by side.
constexpr int64_t kChannels = 16;  // a line of what is read
struct Windows {
  float weights[9][kChannels * kPanelColumns];

  // G g G^T of each window g, where G is {{1, 0, 0}, {1/2, 1/2, 1/2}, {1/2, -1/2, 1/2}, {0, 0, 1}}.
  void transform(int64_t count, float* to, int64_t product_step) const {
    // Nothing of what is written is read.
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) {
      double rows[4][3];
      for (int x = 0; x < 3; ++x) {
        const double first = weights[x][i], second = weights[3 + x][i], third = weights[6 + x][i];
        rows[0][x] = first;
        rows[1][x] = (first + second + third) / 2;
        rows[2][x] = (first - second + third) / 2;
        rows[3][x] = third;
      }
      for (int y = 0; y < 4; ++y) {
        const double first = rows[y][0], second = rows[y][1], third = rows[y][2];
        float* product = to + 4 * y * product_step + i;
        product[0] = static_cast<float>(first);
        product[product_step] = static_cast<float>((first + second + third) / 2);
        product[2 * product_step] = static_cast<float>((first - second + third) / 2);
        product[3 * product_step] = static_cast<float>(third);
      }
    }
  }
};

template <class W>
void pack_panel(const Convolution& c, const W* weights, const W* bias, int64_t columns,
                int64_t width, float* to) {
  const int64_t product_step = (1 + c.in.channels) * width;
  for (int64_t product = 0; product < kTileProducts; ++product) {
    float* out = to + product * product_step;
    std::fill_n(out, width, 0.0f);
    if (bias && product == kBiasProduct)
      for (int64_t n = 0; n < columns; ++n) out[n] = to_float(bias[n]);
  }
  to += width;
  Windows windows;
  for (int64_t k = 0; k < c.in.channels; k += kChannels, to += kChannels * width) {
    const int64_t channels = std::min(kChannels, c.in.channels - k);
    for (int64_t tap = 0; tap < 9; ++tap)
      copy_matrix(weights + tap / 3 * c.weight.row + tap % 3 * c.weight.column + k * c.weight.in,
                  channels, columns, {c.weight.in, c.weight.out}, windows.weights[tap], width);
    with_widest_vectors([&] { windows.transform(channels * width, to, product_step); });
  }
}

template <class W>
void pack_panels(const Convolution& c, const WinogradCut& cut, const W* weights, const W* bias,
                 float* to) {
  for (int64_t panel = 0; panel < cut.panels; ++panel) {
    const int64_t first = cut.first_vector(panel) * cut.lanes,
                  end = cut.first_vector(panel + 1) * cut.lanes, width = end - first;
    pack_panel(c, weights + first * c.weight.out, bias ? bias + first : nullptr,
               std::min(end, c.out.channels) - first, width, to);
    to += kTileProducts * (1 + c.in.channels) * width;
  }
}

}  // namespace

size_t winograd_weight_bytes(const Convolution& c, const WinogradCut& cut) {
  return static_cast<size_t>(kTileProducts * (1 + c.in.channels) * cut.vectors * cut.lanes) *
         sizeof(float);
}

void pack_winograd_weights(const Convolution& c, const WinogradCut& cut, const void* weights,
                           const void* bias, char* to) {
  auto* out = reinterpret_cast<float*>(to);
  if (c.weight_type == ANEURALNETWORKS_TENSOR_FLOAT16)
    pack_panels(c, cut, static_cast<const Float16*>(weights), static_cast<const Float16*>(bias),
                out);
  else
    pack_panels(c, cut, static_cast<const float*>(weights), static_cast<const float*>(bias), out);
}

}  // namespace nnapi::host
