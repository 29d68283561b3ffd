// TRANSPOSE_CONV_2D: weights [out channels, height, width, in channels]; the gradient of CONV_2D.
#include "host/ops/convolution/convolution_node.h"
#include "host/ops/convolution/window.h"

namespace nnapi::host {
namespace {

constexpr uint32_t kOutputShape = 3;  // of the form with a padding scheme

// The paddings of scheme SAME along one axis, from the size that the output is asked to have. The
// high end may be negative: inputs do not reach the end of the output then.
void pad_same_transposed(WindowAxis& w, int64_t out) {
  const int64_t inputs = (out + w.stride - 1) / w.stride;
  const int64_t excess = (inputs - 1) * w.stride + w.filter - out;
  w.before = excess > 0 ? excess / 2 : 0;
  w.after = excess - w.before;
}

int64_t reached(const WindowAxis& w, int64_t in) {
  return (in - 1) * w.stride + w.filter - w.before - w.after;
}

Status check_axis(const Node& node, const WindowAxis& w, const char* axis) {
  WindowAxis without_padding = w;
  without_padding.before = without_padding.after = 0;
  if (Status s = check_window(node, without_padding, axis)) return s;
  if (w.before < 0)
    return node.bad("%s padding %lld, must not be negative", axis,
                    static_cast<long long>(w.before));
  return kOk;
}

// With a scheme: height and width that operand kOutputShape asks for.
Status pad_by_scheme(const Node& node, Window& window, bool nchw) {
  if (Status s = check_padding_scheme(node, window.scheme)) return s;
  if (!node.known(kOutputShape)) return node.later();
  const Tensor& wanted = node.in(kOutputShape);
  if (wanted.shape.rank() != 1 || wanted.shape[0] != 4)
    return node.bad("the output shape operand must have 4 elements");
  if (window.scheme != ANEURALNETWORKS_PADDING_SAME) return kOk;
  const int32_t* sizes = wanted.as<int32_t>();
  const int32_t height = sizes[nchw ? 2 : 1], width = sizes[nchw ? 3 : 2];
  if (height <= 0 || width <= 0)
    return node.bad("output size %d x %d, must be positive", height, width);
  pad_same_transposed(window.y, height);
  pad_same_transposed(window.x, width);
  return kOk;
}

// The scalars behind input, weights and bias:
//   4 paddings, or output shape and scheme; 2 strides, activation, layout
Status describe(const Node& node, Convolution& c) {
  if (Status s = check_ranks(node)) return s;
  const Tensor& weights = node.in(kWeights);
  const bool explicit_padding = node.num_inputs() >= 11;
  ScalarReader scalars(node, explicit_padding ? kBias + 1 : kOutputShape + 1);
  Window window;
  window.read_padding(scalars, explicit_padding);
  window.read_strides(scalars);
  const int32_t activation = scalars.i32();
  const bool nchw = scalars.flag();
  if (!scalars.complete()) return node.later();

  if (Status s = set_image(node, activation, nchw, c)) return s;
  const int64_t out_channels = weights.shape[0], in_channels = weights.shape[3];
  if (in_channels != c.in.channels)
    return node.bad("weights for %lld input channels, but the input has %lld",
                    static_cast<long long>(in_channels), static_cast<long long>(c.in.channels));
  if (Status s = set_weights_by_output(node, c)) return s;
  window.y.filter = weights.shape[1];
  window.x.filter = weights.shape[2];
  if (Status s = check_axis(node, window.x, "horizontal")) return s;
  if (Status s = check_axis(node, window.y, "vertical")) return s;
  if (!explicit_padding)
    if (Status s = pad_by_scheme(node, window, nchw)) return s;
  c.y = window.y;
  c.x = window.x;
  c.out = {c.in.batch, reached(c.y, c.in.height), reached(c.x, c.in.width), out_channels};
  if (c.out.height <= 0 || c.out.width <= 0)
    return node.bad("the paddings leave an output of %lld x %lld",
                    static_cast<long long>(c.out.height), static_cast<long long>(c.out.width));
  c.transposed = true;
  return finish_convolution(node, activation, 0, c);
}

using TransposeConv = ConvolutionNode<describe>;

}  // namespace

NNAPI_OPERATION(TRANSPOSE_CONV_2D, .infer = TransposeConv::infer, .prepare = TransposeConv::prepare,
                .run = TransposeConv::run);

}  // namespace nnapi::host
