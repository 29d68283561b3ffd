// L2_NORMALIZATION LOCAL_RESPONSE_NORMALIZATION INSTANCE_NORMALIZATION.
#include "host/kernels/normalisation/norm.h"
#include "host/arithmetic/quantization.h"
#include "host/base/float16.h"
#include "host/operation/axis.h"
#include "host/operation/element_type.h"
#include "host/tensor/axis_view.h"

namespace nnapi::host {
namespace {

constexpr uint32_t kInput = 0;

// The input as seen from the axis that input `axis_input` gives, the last one by default.
Status read_view(const Node& node, uint32_t axis_input, AxisView* view) {
  const Shape& shape = node.in(kInput).shape;
  uint32_t axis = 0;
  if (Status status = read_axis_or_last(node, axis_input, shape.rank(), &axis)) return status;
  *view = AxisView::of(shape, axis);
  return kOk;
}

Status keep_shape(const Node& node) {
  node.out(0).shape = node.in(kInput).shape;
  return kOk;
}

// ---- L2_NORMALIZATION

namespace l2 {

enum Input : uint32_t { kAxis = 1 };

Status infer(const Node& node) {
  if (Status status = check_output_scale(node, 1.0f / 128, 128)) return status;
  AxisView view;
  if (Status status = read_view(node, kAxis, &view)) return status;
  return keep_shape(node);
}

Status run(const Node& node, const Prepared*) {
  const Tensor& in = node.in(kInput);
  Tensor& out = node.out(0);
  AxisView view;
  if (Status status = read_view(node, kAxis, &view)) return status;
  return with_element_type<float, Float16, uint8_t, int8_t>(
      node, in.type, [&]<class T>(ElementType<T>) {
        if constexpr (sizeof(T) == 1) {
          // The input's scale cancels, so lengths are counted in its steps.
          normalize_length(
              node.pool(), view, in.as<T>(), out.as<T>(), 1.0,
              [zero = in.zero_point](T x) { return x - zero; },
              [quantize = Quantizer<T>(out.zero_point)](float y) { return quantize(y * 128.0f); });
        } else {
          normalize_length(
              node.pool(), view, in.as<T>(), out.as<T>(), 1e-6, [](T x) { return to_float(x); },
              [](float y) { return from_float<T>(y); });
        }
      });
}

}  // namespace l2

// ---- LOCAL_RESPONSE_NORMALIZATION

namespace lrn {

enum Input : uint32_t { kRadius = 1, kBias, kAlpha, kBeta, kAxis };

Status infer(const Node& node) {
  if (!node.known(kRadius)) return node.later();
  const int32_t radius = node.scalar<int32_t>(kRadius);
  if (radius < 0) return node.bad("radius %d, must not be negative", radius);
  AxisView view;
  if (Status status = read_view(node, kAxis, &view)) return status;
  return keep_shape(node);
}

Status run(const Node& node, const Prepared*) {
  AxisView view;
  if (Status status = read_view(node, kAxis, &view)) return status;
  const LocalResponse response{node.scalar<int32_t>(kRadius), node.real(kBias), node.real(kAlpha),
                               node.real(kBeta)};
  return with_element_type<float, Float16>(
      node, node.in(kInput).type, [&]<class T>(ElementType<T>) {
        normalize_local_response(node.pool(), view, node.in(kInput).as<T>(), node.out(0).as<T>(),
                                 response);
      });
}

}  // namespace lrn

// ---- INSTANCE_NORMALIZATION

namespace instance {

enum Input : uint32_t { kGamma = 1, kBeta, kEpsilon, kNchw };

// The pixels of one channel of one image are a slice.
AxisView pixels(const Shape& shape, bool nchw) {
  if (nchw) return {shape.count(0, 2), shape.count(2, 4), 1};
  return {shape[0], shape.count(1, 3), shape[3]};
}

Status run(const Node& node, const Prepared*) {
  const AffineNorm norm{node.real(kGamma), node.real(kBeta), node.real(kEpsilon)};
  const AxisView view = pixels(node.in(kInput).shape, node.flag(kNchw));
  return with_element_type<float, Float16>(
      node, node.in(kInput).type, [&]<class T>(ElementType<T>) {
        normalize_variance(node.pool(), view, node.in(kInput).as<T>(), node.out(0).as<T>(), norm);
      });
}

}  // namespace instance
}  // namespace

NNAPI_OPERATION(L2_NORMALIZATION, .infer = l2::infer, .run = l2::run);
NNAPI_OPERATION(LOCAL_RESPONSE_NORMALIZATION, .infer = lrn::infer, .run = lrn::run);
NNAPI_OPERATION(INSTANCE_NORMALIZATION, .infer = keep_shape, .run = instance::run);

}  // namespace nnapi::host
