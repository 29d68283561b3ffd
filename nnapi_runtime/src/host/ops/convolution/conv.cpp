// CONV_2D and GROUPED_CONV_2D: weights [out channels, height, width, in channels / groups].
#include "host/ops/convolution/convolution_node.h"
#include "host/ops/convolution/window.h"

namespace nnapi::host {
namespace {

// The scalars behind input, weights and bias:
//   4 paddings or the scheme, 2 strides, [groups,] activation, layout, [2 dilations]
Status describe(const Node& node, Convolution& c, bool grouped) {
  if (Status s = check_ranks(node)) return s;
  const Tensor& weights = node.in(kWeights);
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

  if (Status s = set_image(node, activation, nchw, c)) return s;
  const int64_t out_channels = weights.shape[0], in_channels = weights.shape[3];
  if (groups <= 0 || out_channels % groups != 0)
    return node.bad("%d groups, must be positive and divide the %lld output channels", groups,
                    static_cast<long long>(out_channels));
  if (in_channels * groups != c.in.channels)
    return node.bad("weights for %lld input channels in each of %d groups, but the input has %lld",
                    static_cast<long long>(in_channels), groups,
                    static_cast<long long>(c.in.channels));
  if (Status s = set_weights_by_output(node, c)) return s;
  window.y.filter = weights.shape[1];
  window.x.filter = weights.shape[2];
  c.out = {.batch = c.in.batch, .channels = out_channels};
  if (Status s = window.slide(node, c.in, c.out)) return s;
  c.y = window.y;
  c.x = window.x;
  c.groups = groups;
  return finish_convolution(node, activation, 0, c);
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
