// RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR.
#include <cmath>

#include "host/arithmetic/quantization.h"
#include "host/kernels/resize/resize.h"
#include "host/operation/operation.h"

namespace nnapi::host {
namespace {

enum Operand : uint32_t { kInput, kWidth, kHeight, kNchw, kAlignCorners, kHalfPixelCenters };

// Size of the output along one axis: given as an integer, or as a factor to the input's size.
Status read_size(const Node& node, uint32_t operand, int64_t in, int64_t& out) {
  if (node.in(operand).type == ANEURALNETWORKS_INT32) {
    out = node.scalar<int32_t>(operand);
    if (out <= 0) return node.bad("output size %d, must be positive", static_cast<int>(out));
    return kOk;
  }
  const float size = std::floor(static_cast<float>(in) * node.real(operand));
  if (!(size >= 1.0f && size < 0x1p31f))
    return node.bad("scale %g makes an output size of %g", node.real(operand), size);
  out = static_cast<int64_t>(size);
  return kOk;
}

Status describe(const Node& node, Resizing& r) {
  for (uint32_t i = kWidth; i < node.num_inputs(); ++i)
    if (node.has(i) && !node.known(i)) return node.later();
  const Tensor& input = node.in(kInput);
  if (input.shape.rank() != 4) return node.bad("input of rank %u, must be 4", input.shape.rank());
  r.nchw = node.flag(kNchw);
  r.align_corners = node.flag(kAlignCorners);
  r.half_pixel_centers = node.flag(kHalfPixelCenters);
  r.type = input.type;
  if (r.align_corners && r.half_pixel_centers)
    return node.bad("align corners and half pixel centers exclude each other");
  if (Status s = check_quantization_kept(node)) return s;
  r.in = Image::of(input.shape, r.nchw);
  if (r.in.height == 0 || r.in.width == 0 || r.in.channels == 0)
    return node.bad("only the batch may be of size zero");
  r.out = r.in;
  if (Status s = read_size(node, kWidth, r.in.width, r.out.width)) return s;
  if (Status s = read_size(node, kHeight, r.in.height, r.out.height)) return s;
  if (!r.in.fits() || !r.out.fits()) return node.bad("input or output is too large");
  return kOk;
}

Status infer(const Node& node) {
  Resizing r;
  if (Status s = describe(node, r)) return s;
  node.out(0).shape = r.out.shape(r.nchw);
  return kOk;
}

template <auto kResize>
Status run(const Node& node, const Prepared*) {
  Resizing r;
  if (Status s = describe(node, r)) return s;
  if (r.out.count() != 0) kResize(r, node.in(kInput).data, node.out(0).data, node.pool());
  return kOk;
}

}  // namespace

NNAPI_OPERATION(RESIZE_BILINEAR, .infer = infer, .run = run<resize_bilinear>);
NNAPI_OPERATION(RESIZE_NEAREST_NEIGHBOR, .infer = infer, .run = run<resize_nearest>);

}  // namespace nnapi::host
