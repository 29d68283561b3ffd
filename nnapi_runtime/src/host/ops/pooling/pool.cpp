// AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D.
#include "host/kernels/pooling/pool.h"
#include "host/arithmetic/quantization.h"
#include "host/operation/operation.h"
#include "host/operation/scalar_reader.h"
#include "host/ops/convolution/window.h"

namespace nnapi::host {
namespace {

constexpr uint32_t kInput = 0;

// The scalars behind the input:
//   4 paddings or the scheme, 2 strides, width and height of the filter, activation, layout
Status describe(const Node& node, PoolKind kind, Pooling& p) {
  const Tensor& input = node.in(kInput);
  if (input.shape.rank() != 4) return node.bad("input of rank %u, must be 4", input.shape.rank());
  ScalarReader scalars(node, kInput + 1);
  Window window;
  window.read_padding(scalars, node.num_inputs() >= 10);
  window.read_strides(scalars);
  window.x.filter = scalars.i32();
  window.y.filter = scalars.i32();
  const int32_t activation = scalars.i32();
  p.nchw = scalars.flag();
  if (!scalars.complete()) return node.later();

  if (Status s = check_activation(node, activation)) return s;
  if (Status s = check_quantization_kept(node)) return s;
  p.kind = kind;
  p.type = input.type;
  p.in = Image::of(input.shape, p.nchw);
  if (p.in.height == 0 || p.in.width == 0 || p.in.channels == 0)
    return node.bad("only the batch may be of size zero");
  p.out = {.batch = p.in.batch, .channels = p.in.channels};
  if (Status s = window.slide(node, p.in, p.out)) return s;
  if (!p.in.fits() || !p.out.fits()) return node.bad("input or output is too large");
  p.y = window.y;
  p.x = window.x;
  if (is_quant8(p.type))
    p.byte_range = quantised_activation_range(activation, node.out(0));
  else
    p.float_range = activation_range(activation);
  return kOk;
}

template <PoolKind kKind>
Status infer(const Node& node) {
  Pooling p;
  if (Status s = describe(node, kKind, p)) return s;
  node.out(0).shape = p.out.shape(p.nchw);
  return kOk;
}

template <PoolKind kKind>
Status run(const Node& node, const Prepared*) {
  Pooling p;
  if (Status s = describe(node, kKind, p)) return s;
  if (p.out.count() != 0) pool(p, node.in(kInput).data, node.out(0).data, node.pool());
  return kOk;
}

}  // namespace

NNAPI_OPERATION(AVERAGE_POOL_2D, .infer = infer<PoolKind::kAverage>,
                .run = run<PoolKind::kAverage>);
NNAPI_OPERATION(MAX_POOL_2D, .infer = infer<PoolKind::kMax>, .run = run<PoolKind::kMax>);
NNAPI_OPERATION(L2_POOL_2D, .infer = infer<PoolKind::kL2>, .run = run<PoolKind::kL2>);

}  // namespace nnapi::host
