// L2_NORMALIZATION LOCAL_RESPONSE_NORMALIZATION INSTANCE_NORMALIZATION.
#include "host/kernels/reference/norm.h"
#include "host/axis.h"
#include "host/element_type.h"
#include "host/float16.h"
#include "host/quantization.h"

namespace nnapi::host {
namespace {

constexpr uint32_t kInput = 0;

// Checks the optional axis and keeps the shape.
Status infer_along_axis(const Node& node, uint32_t axis_input) {
  if (node.has(axis_input) && !node.known(axis_input)) return node.later();
  const Shape& shape = node.in(kInput).shape;
  const int32_t axis = node.scalar<int32_t>(axis_input, -1);
  if (Status status = check_axis(node, axis, shape.rank())) return status;
  node.out(0).shape = shape;
  return kOk;
}

AxisView view_along_axis(const Node& node, uint32_t axis_input) {
  const Shape& shape = node.in(kInput).shape;
  const int32_t axis = node.scalar<int32_t>(axis_input, -1);
  return AxisView::of(shape, wrap_axis(axis, shape.rank()));
}

// ---- L2_NORMALIZATION

namespace l2 {

enum Input : uint32_t { kAxis = 1 };

Status infer(const Node& node) {
  if (Status status = check_output_scale(node, 1.0f / 128, 128)) return status;
  return infer_along_axis(node, kAxis);
}

Status run(const Node& node, const Prepared*) {
  const Tensor& in = node.in(kInput);
  Tensor& out = node.out(0);
  const AxisView view = view_along_axis(node, kAxis);
  return with_element_type<float, _Float16, uint8_t, int8_t>(
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
  return infer_along_axis(node, kAxis);
}

Status run(const Node& node, const Prepared*) {
  const LocalResponse response{node.scalar<int32_t>(kRadius), node.real(kBias), node.real(kAlpha),
                               node.real(kBeta)};
  return with_element_type<float, _Float16>(
      node, node.in(kInput).type, [&]<class T>(ElementType<T>) {
        normalize_local_response(node.pool(), view_along_axis(node, kAxis), node.in(kInput).as<T>(),
                                 node.out(0).as<T>(), response);
      });
}

}  // namespace lrn

// ---- INSTANCE_NORMALIZATION

namespace instance {

enum Input : uint32_t { kGamma = 1, kBeta, kEpsilon, kNchw };

Status infer(const Node& node) {
  node.out(0).shape = node.in(kInput).shape;
  return kOk;
}

// The pixels of one channel of one image are a slice.
AxisView pixels(const Shape& shape, bool nchw) {
  if (nchw) return {shape.count(0, 2), shape.count(2, 4), 1};
  return {shape[0], shape.count(1, 3), shape[3]};
}

Status run(const Node& node, const Prepared*) {
  const AffineNorm norm{node.real(kGamma), node.real(kBeta), node.real(kEpsilon)};
  const AxisView view = pixels(node.in(kInput).shape, node.flag(kNchw));
  return with_element_type<float, _Float16>(
      node, node.in(kInput).type, [&]<class T>(ElementType<T>) {
        normalize_variance(node.pool(), view, node.in(kInput).as<T>(), node.out(0).as<T>(), norm);
      });
}

}  // namespace instance
}  // namespace

NNAPI_OPERATION(L2_NORMALIZATION, .infer = l2::infer, .run = l2::run);
NNAPI_OPERATION(LOCAL_RESPONSE_NORMALIZATION, .infer = lrn::infer, .run = lrn::run);
NNAPI_OPERATION(INSTANCE_NORMALIZATION, .infer = instance::infer, .run = instance::run);

}  // namespace nnapi::host
