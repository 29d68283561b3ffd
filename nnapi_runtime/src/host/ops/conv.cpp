// CONV_2D and GROUPED_CONV_2D: weights [out channels, height, width, in channels / groups].
#include "host/ops/convolution_node.h"
#include "host/ops/window.h"

namespace nnapi::host {
namespace {

// The scalars behind input, weights and bias:
//   4 paddings or the scheme, 2 strides, [groups,] activation, layout, [2 dilations]
Status describe(const Node& node, Convolution& c, bool grouped) {
  const Tensor &input = node.in(kInput), &weights = node.in(kWeights);
  if (input.shape.rank() != 4 || weights.shape.rank() != 4)
    return node.bad("input of rank %u and weights of rank %u, both must be 4", input.shape.rank(),
                    weights.shape.rank());
  // With a scheme, input 7 is the layout (or, of a grouped convolution, the activation).
  const bool explicit_padding =
      grouped ? node.num_inputs() == 12
              : node.num_inputs() >= 10 && node.in(7).type == ANEURALNETWORKS_INT32;
  ScalarReader scalars(node, kBias + 1);
  Window window;
  window.read_padding(scalars, explicit_padding);
  window.read_strides(scalars);
  const int32_t groups = grouped ? scalars.i32() : 1;
  const int32_t activation = scalars.i32();
  const bool nchw = scalars.flag();
  if (!grouped) window.read_dilations(scalars);
  if (!scalars.complete()) return node.later();

  if (Status s = check_activation(node, activation)) return s;
  c.in = Image::of(input.shape, nchw);
  c.in_nchw = c.out_nchw = nchw;
  const int64_t out_channels = weights.shape[0], in_channels = weights.shape[3];
  if (groups <= 0 || out_channels % groups != 0)
    return node.bad("%d groups, must be positive and divide the %lld output channels", groups,
                    static_cast<long long>(out_channels));
  if (in_channels * groups != c.in.channels)
    return node.bad("weights for %lld input channels in each of %d groups, but the input has %lld",
                    static_cast<long long>(in_channels), groups,
                    static_cast<long long>(c.in.channels));
  if (c.in.height == 0 || c.in.width == 0 || c.in.channels == 0 || out_channels == 0)
    return node.bad("only the batch may be of size zero");
  window.y.filter = weights.shape[1];
  window.x.filter = weights.shape[2];
  c.out = {.batch = c.in.batch, .channels = out_channels};
  if (Status s = window.slide(node, c.in, c.out)) return s;
  c.y = window.y;
  c.x = window.x;
  c.groups = groups;
  c.weight.in = 1;
  c.weight.column = in_channels;
  c.weight.row = c.weight.column * c.x.filter;
  c.weight.out = c.weight.row * c.y.filter;
  c.set_elements(input, weights, node.out(0), activation);
  return check_convolution(node, c, 0);
}

Status describe_conv(const Node& node, Convolution& c) { return describe(node, c, false); }
Status describe_grouped_conv(const Node& node, Convolution& c) { return describe(node, c, true); }

using Conv = ConvolutionNode<describe_conv>;
using GroupedConv = ConvolutionNode<describe_grouped_conv>;

}  // namespace

NNAPI_OPERATION(CONV_2D, .infer = Conv::infer, .prepare = Conv::prepare, .run = Conv::run);
NNAPI_OPERATION(GROUPED_CONV_2D, .infer = GroupedConv::infer, .prepare = GroupedConv::prepare,
                .run = GroupedConv::run);

}  // namespace nnapi::host
