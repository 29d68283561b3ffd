#include "host/ops/convolution/window.h"

namespace nnapi::host {

void Window::read_padding(ScalarReader& scalars, bool is_explicit) {
  explicit_padding = is_explicit;
  if (!is_explicit) {
    scheme = scalars.i32();
    return;
  }
  x.before = scalars.i32();
  x.after = scalars.i32();
  y.before = scalars.i32();
  y.after = scalars.i32();
}

void Window::read_strides(ScalarReader& scalars) {
  x.stride = scalars.i32();
  y.stride = scalars.i32();
}

void Window::read_dilations(ScalarReader& scalars) {
  x.dilation = scalars.i32(1);
  y.dilation = scalars.i32(1);
}

Status Window::slide(const Node& node, const Image& in, Image& out) {
  if (Status s = check_window(node, x, "horizontal")) return s;
  if (Status s = check_window(node, y, "vertical")) return s;
  if (!explicit_padding) {
    if (Status s = check_padding_scheme(node, scheme)) return s;
    if (scheme == ANEURALNETWORKS_PADDING_SAME) {
      x.pad_same(in.width);
      y.pad_same(in.height);
    }
  }
  out.height = y.positions(in.height);
  out.width = x.positions(in.width);
  if (out.height < 0 || out.width < 0)
    return node.bad("the window spans %lld x %lld, more than the padded %lld x %lld image",
                    static_cast<long long>(y.extent()), static_cast<long long>(x.extent()),
                    static_cast<long long>(in.height + y.before + y.after),
                    static_cast<long long>(in.width + x.before + x.after));
  return kOk;
}

}  // namespace nnapi::host
