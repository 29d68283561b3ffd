// SOFTMAX LOG_SOFTMAX: along one axis.
#include <algorithm>
#include <array>
#include <cmath>

#include "host/arithmetic/exponential.h"
#include "host/arithmetic/quantization.h"
#include "host/base/float16.h"
#include "host/kernels/normalisation/softmax.h"
#include "host/kernels/simd/simd_loops.h"
#include "host/operation/axis.h"
#include "host/operation/element_type.h"
#include "host/tensor/axis_view.h"
#include "host/threads/grain_size.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kInput, kBeta, kAxis };

// SOFTMAX may leave the axis out; LOG_SOFTMAX always has it.
Status read_view(const Node& node, AxisView* view) {
  const Shape& shape = node.in(kInput).shape;
  uint32_t axis = 0;
  if (Status status = read_axis_or_last(node, kAxis, shape.rank(), &axis)) return status;
  *view = AxisView::of(shape, axis);
  return kOk;
}

Status infer_log_softmax(const Node& node) {
  AxisView view;
  if (Status status = read_view(node, &view)) return status;
  node.out(0).shape = node.in(kInput).shape;
  return kOk;
}

Status infer_softmax(const Node& node) {
  if (!node.known(kBeta)) return node.later();
  const float beta = node.real(kBeta);
  if (!(beta > 0.0f)) return node.bad("beta %g, must be greater than 0", beta);
  if (Status status = check_output_scale(node, 1.0f / 256, 0)) return status;
  return infer_log_softmax(node);
}

// Stored values of a slice lie at most 255 apart, and subtracting the largest takes the zero point
// with it: exp is a table over that distance.
struct ExponentialTable : Prepared {
  std::array<float, 256> of;

  explicit ExponentialTable(const Node& node) {
    const double step = static_cast<double>(node.real(kBeta)) * node.in(kInput).scale;
    for (int32_t i = 0; i < 256; ++i) of[i] = static_cast<float>(std::exp(-step * i));
  }
};

std::unique_ptr<Prepared> prepare_softmax(const Node& node) {
  if (!is_quant8(node.in(kInput).type) || !node.in(kBeta).constant) return nullptr;
  return std::make_unique<ExponentialTable>(node);
}

Status run_quantised_softmax(const Node& node, const AxisView& view,
                             const ExponentialTable& exponential) {
  const Tensor& in = node.in(kInput);
  Tensor& out = node.out(0);
  const float* table = exponential.of.data();
  return with_element_type<uint8_t, int8_t>(node, in.type, [&]<class Q>(ElementType<Q>) {
    softmax(
        node.pool(), view, in.as<Q>(), out.as<Q>(), [](Q x) { return int32_t{x}; },
        [table](int32_t x, int32_t largest) { return table[largest - x]; },
        [quantize = Quantizer<Q>(out.zero_point)](float y) { return quantize(y * 256.0f); });
  });
}

void softmax_rows(const Node& node, const AxisView& view, float beta) {
  constexpr double kInAMicrosecond = 2048;  // elements
  const auto rows = static_cast<int64_t>(view.outer), size = static_cast<int64_t>(view.size);
  const auto* in = node.in(kInput).as<float>();
  auto* out = node.out(0).as<float>();
  parallel_for(
      node.pool(), rows, grain_size(rows, kInAMicrosecond / static_cast<double>(size)),
      [&](int64_t begin, int64_t end) {
        tile_loops().softmax({in + begin * size, out + begin * size, end - begin, size, beta});
      });
}

Status run_softmax(const Node& node, const Prepared* prepared) {
  const Tensor& in = node.in(kInput);
  Tensor& out = node.out(0);
  AxisView view;
  if (Status status = read_view(node, &view)) return status;
  if (prepared)
    return run_quantised_softmax(node, view, *static_cast<const ExponentialTable*>(prepared));
  if (is_quant8(in.type)) return run_quantised_softmax(node, view, ExponentialTable(node));
  const float beta = node.real(kBeta);
  if (in.type == ANEURALNETWORKS_TENSOR_FLOAT32 && view.inner == 1) {
    softmax_rows(node, view, beta);
    return kOk;
  }
  return with_element_type<float, Float16>(node, in.type, [&]<class T>(ElementType<T>) {
    softmax(
        node.pool(), view, in.as<T>(), out.as<T>(), [](T x) { return to_float(x); },
        [beta](float x, float largest) { return exponential((x - largest) * beta); },
        from_float<T>);
  });
}

Status run_log_softmax(const Node& node, const Prepared*) {
  AxisView view;
  if (Status status = read_view(node, &view)) return status;
  const float beta = node.real(kBeta);
  return with_element_type<float, Float16>(
      node, node.in(kInput).type, [&]<class T>(ElementType<T>) {
        log_softmax(node.pool(), view, node.in(kInput).as<T>(), node.out(0).as<T>(), beta);
      });
}

}  // namespace

NNAPI_OPERATION(SOFTMAX, .infer = infer_softmax, .prepare = prepare_softmax, .run = run_softmax);
NNAPI_OPERATION(LOG_SOFTMAX, .infer = infer_log_softmax, .run = run_log_softmax);

}  // namespace nnapi::host
