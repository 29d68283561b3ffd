// DEPTHWISE_CONV_2D: weights [1, height, width, in channels * multiplier]; every input channel
// makes `multiplier` output channels of its own.
#include "host/ops/convolution/convolution_node.h"
#include "host/ops/convolution/window.h"

namespace nnapi::host {
namespace {

// The scalars behind input, weights and bias:
//   4 paddings or the scheme, 2 strides, multiplier, activation, layout, [2 dilations]
Status describe(const Node& node, Convolution& c) {
  if (Status s = check_ranks(node)) return s;
  const Tensor& weights = node.in(kWeights);
  // With a scheme, input 8 is the layout.
  const bool explicit_padding = node.num_inputs() >= 11 && node.in(8).type == ANEURALNETWORKS_INT32;
  ScalarReader scalars(node, kBias + 1);
  Window window;
  window.read_padding(scalars, explicit_padding);
  window.read_strides(scalars);
  const int32_t multiplier = scalars.i32();
  const int32_t activation = scalars.i32();
  const bool nchw = scalars.flag();
  window.read_dilations(scalars);
  if (!scalars.complete()) return node.later();

  if (Status s = set_image(node, activation, nchw, c)) return s;
  const int64_t out_channels = weights.shape[3];
  if (weights.shape[0] != 1)
    return node.bad("dimension 0 of the weights is %u, must be 1", weights.shape[0]);
  if (multiplier <= 0 || multiplier * c.in.channels != out_channels)
    return node.bad("depth multiplier %d, but %lld input and %lld output channels", multiplier,
                    static_cast<long long>(c.in.channels), static_cast<long long>(out_channels));
  window.y.filter = weights.shape[1];
  window.x.filter = weights.shape[2];
  c.out = {.batch = c.in.batch, .channels = out_channels};
  if (Status s = window.slide(node, c.in, c.out)) return s;
  c.y = window.y;
  c.x = window.x;
  c.groups = c.in.channels;
  c.weight.in = 0;  // one input channel in each group
  c.weight.out = 1;
  c.weight.column = out_channels;
  c.weight.row = c.weight.column * c.x.filter;
  return finish_convolution(node, activation, 3, c);
}

using Depthwise = ConvolutionNode<describe>;

}  // namespace

NNAPI_OPERATION(DEPTHWISE_CONV_2D, .infer = Depthwise::infer, .prepare = Depthwise::prepare,
                .run = Depthwise::run);

}  // namespace nnapi::host
