#include "host/kernels/matmul/transposed_conv_plan.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "host/arithmetic/vector_loop.h"
#include "host/kernels/matmul/implicit_gemm_plan.h"

namespace nnapi::host {
namespace {

constexpr int64_t kFewChannels = 4;

class SpreadPlan final : public ConvolutionPlan {
 public:
  // `product` makes of each input pixel what it adds under each tap: [taps * output channels].
  SpreadPlan(const Convolution& c, std::unique_ptr<PackedPlan> product, std::vector<float> bias)
      : c_(c), product_(std::move(product)), bias_(std::move(bias)) {
    product_bytes_ = AlignedBytes::round_up(static_cast<size_t>(
        c_.in.batch * c_.in.pixels() * c_.y.filter * row_added() * int64_t{sizeof(float)}));
    scratch_bytes = product_bytes_ + product_->scratch_bytes;
  }

  void run(const ConvolutionData& data, void* scratch, ThreadPool& pool) const override {
    auto* added = static_cast<float*>(scratch);
    product_->run({data.input, nullptr, nullptr, added},
                  static_cast<char*>(scratch) + product_bytes_, pool);
    auto* output = static_cast<float*>(data.output);
    const int64_t work = c_.in.width * row_added() * c_.y.filter;
    parallel_loop(pool, c_.out.batch * c_.out.height, 1 + 65536 / work,
                  [=, this](int64_t begin, int64_t end) {
                    for (int64_t row = begin; row < end; ++row)
                      gather(added, row / c_.out.height, row % c_.out.height,
                             output + row * c_.out.width * c_.out.channels);
                  });
  }

 private:
  // What a pixel adds to one row of the output: neighbours there, too.
  int64_t row_added() const { return c_.x.filter * c_.out.channels; }

  void gather(const float* added, int64_t b, int64_t oy, float* out) const {
    const int64_t channels = c_.out.channels, row = row_added(), length = c_.out.width * channels;
    for (int64_t i = 0; i < length; ++i) out[i] = bias_[static_cast<size_t>(i % channels)];
    for (int64_t ky = 0; ky < c_.y.filter; ++ky) {
      const int64_t distance = oy + c_.y.before - ky;
      const int64_t iy = distance / c_.y.stride;
      if (distance < 0 || distance % c_.y.stride != 0 || iy >= c_.in.height) continue;
      for (int64_t ix = 0; ix < c_.in.width; ++ix) {
        const float* from =
            added + (((b * c_.in.height + iy) * c_.in.width + ix) * c_.y.filter + ky) * row;
        const int64_t first = (ix * c_.x.stride - c_.x.before) * channels;
        float* to = out + first;
        const int64_t end = std::min(row, length - first);
        for (int64_t i = std::max<int64_t>(0, -first); i < end; ++i) to[i] += from[i];
      }
    }
    const ClampRange<float> range = c_.float_range;
    for (int64_t i = 0; i < length; ++i) out[i] = range.clamp(out[i]);
  }

  const Convolution c_;
  std::unique_ptr<PackedPlan> product_;
  std::vector<float> bias_;
  size_t product_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ConvolutionPlan> plan_spreading(const Convolution& c, const void* weights,
                                                const void* bias) {
  const int64_t taps = c.y.filter * c.x.filter, channels = c.out.channels;
  if (!c.transposed || c.groups != 1 || c.type != ANEURALNETWORKS_TENSOR_FLOAT32 ||
      channels > kFewChannels || (c.in_nchw && c.in.pixels() > 1) || (c.out_nchw && channels > 1) ||
      taps * channels * c.in.channels > (1 << 20))
    return nullptr;
  Convolution product;
  product.in = product.out = c.in;
  product.out.channels = taps * channels;
  product.type = product.weight_type = c.type;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  product.float_range = {-kInfinity, kInfinity};
  product.weight = {.out = c.in.channels, .row = 0, .column = 0, .in = 1};
  if (!product.out.fits()) return nullptr;
  std::unique_ptr<PackedPlan> plan = plan_grids(product);
  if (!plan) return nullptr;
  // The weights of a pixel's contributions, in the order of the output row.
  std::vector<float> columns;
  columns.reserve(static_cast<size_t>(product.out.channels * c.in.channels));
  const auto* w = static_cast<const float*>(weights);
  for (int64_t ky = 0; ky < c.y.filter; ++ky)
    for (int64_t kx = 0; kx < c.x.filter; ++kx)
      for (int64_t n = 0; n < channels; ++n)
        for (int64_t k = 0; k < c.in.channels; ++k)
          columns.push_back(
              w[n * c.weight.out + ky * c.weight.row + kx * c.weight.column + k * c.weight.in]);
  if (!plan->finish(columns.data(), nullptr)) return nullptr;
  const auto* b = static_cast<const float*>(bias);
  return std::make_unique<SpreadPlan>(
      c, std::move(plan),
      b ? std::vector<float>(b, b + channels) : std::vector<float>(static_cast<size_t>(channels)));
}

}  // namespace nnapi::host
