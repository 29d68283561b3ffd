// FULLY_CONNECTED: weights [units, input size]; all of the input is read as rows of the input size.
#include "host/operation/scalar_reader.h"
#include "host/ops/convolution/convolution_node.h"

namespace nnapi::host {
namespace {

Status describe(const Node& node, Convolution& c) {
  const Tensor &input = node.in(kInput), &weights = node.in(kWeights);
  ScalarReader scalars(node, kBias + 1);
  const int32_t activation = scalars.i32();
  if (!scalars.complete()) return node.later();

  if (Status s = check_activation(node, activation)) return s;
  if (input.shape.rank() < 2 || weights.shape.rank() != 2)
    return node.bad("input of rank %u and weights of rank %u, must be 2 to 4 and 2",
                    input.shape.rank(), weights.shape.rank());
  const uint32_t units = weights.shape[0], size = weights.shape[1];
  if (units == 0 || size == 0) return node.bad("weights of %u x %u", units, size);
  if (input.count() % size != 0)
    return node.bad("the input has %zu elements, not a multiple of the %u that the weights take",
                    input.count(), size);
  const auto rows = static_cast<int64_t>(input.count() / size);
  // One image whose pixels are the rows.
  c.in = {1, 1, rows, size};
  c.out = {1, 1, rows, units};
  c.weight.in = 1;
  c.weight.out = size;
  return finish_convolution(node, activation, 0, c);
}

Status infer(const Node& node) {
  Convolution c;
  if (Status s = describe(node, c)) return s;
  node.out(0).shape = {static_cast<uint32_t>(c.out.width), static_cast<uint32_t>(c.out.channels)};
  return kOk;
}

using FullyConnected = ConvolutionNode<describe>;

}  // namespace

NNAPI_OPERATION(FULLY_CONNECTED, .infer = infer, .prepare = FullyConnected::prepare,
                .run = FullyConnected::run);

}  // namespace nnapi::host
