// Geometry of image operations: what the sizes of a 4-D tensor mean, and how a window slides over
// one axis. All in 64 bits, so that no 32-bit value from a model can overflow.
#pragma once

#include <cstdint>
#include <limits>

#include "host/operation/operation.h"
#include "host/tensor/tensor.h"

namespace nnapi::host {

// Sizes of a 4-D tensor, whichever layout it has in memory.
struct Image {
  int64_t batch = 0, height = 0, width = 0, channels = 0;

  static Image of(const Shape& shape, bool nchw) {
    return nchw ? Image{shape[0], shape[2], shape[3], shape[1]}
                : Image{shape[0], shape[1], shape[2], shape[3]};
  }
  // The sizes must be fit for a Shape: see fits().
  Shape shape(bool nchw) const {
    const auto b = static_cast<uint32_t>(batch), h = static_cast<uint32_t>(height),
               w = static_cast<uint32_t>(width), c = static_cast<uint32_t>(channels);
    return nchw ? Shape{b, c, h, w} : Shape{b, h, w, c};
  }
  // Can a tensor have these sizes? (Products of them stay far from overflow then, even where one
  // of them is zero.)
  bool fits() const {
    int64_t product = 1;
    for (int64_t size : {batch, height, width, channels}) {
      if (size < 0 || size > std::numeric_limits<int32_t>::max()) return false;
      if (size == 0) continue;
      if (product > (int64_t{1} << 40) / size) return false;
      product *= size;
    }
    return true;
  }
  int64_t pixels() const { return height * width; }
  int64_t count() const { return batch * height * width * channels; }
};

// Distances in elements between neighbours of a tensor with these sizes.
struct ImageStrides {
  int64_t batch, row, column, channel;

  static ImageStrides of(const Image& image, bool nchw) {
    if (nchw)
      return {image.count() / (image.batch ? image.batch : 1), image.width, 1, image.pixels()};
    return {image.pixels() * image.channels, image.width * image.channels, image.channels, 1};
  }
};

// A window that slides along one spatial axis.
struct WindowAxis {
  int64_t filter = 1, stride = 1, dilation = 1;
  int64_t before = 0, after = 0;  // padding at the low and the high end

  // How many input positions the window spans.
  int64_t extent() const { return (filter - 1) * dilation + 1; }

  // The padding of ANEURALNETWORKS_PADDING_SAME: ceil(in / stride) window positions, the odd
  // element at the high end.
  void pad_same(int64_t in) {
    const int64_t outputs = (in + stride - 1) / stride;
    const int64_t total = (outputs - 1) * stride + extent() - in;
    before = total > 0 ? total / 2 : 0;
    after = total > 0 ? total - before : 0;
  }

  // Number of window positions over `in` elements. Zero if the window is a little too large (by
  // less than a stride), negative if by more.
  int64_t positions(int64_t in) const { return (in + before + after - extent() + stride) / stride; }
};

// Refuses what no window may have. `axis` is "horizontal" or "vertical".
inline Status check_window(const Node& node, const WindowAxis& w, const char* axis) {
  const auto ll = [](int64_t v) { return static_cast<long long>(v); };
  if (w.filter <= 0 || w.filter > std::numeric_limits<int32_t>::max())
    return node.bad("%s filter size %lld, must be positive", axis, ll(w.filter));
  if (w.stride <= 0) return node.bad("%s stride %lld, must be positive", axis, ll(w.stride));
  if (w.dilation <= 0) return node.bad("%s dilation %lld, must be positive", axis, ll(w.dilation));
  if (w.before < 0 || w.after < 0 || w.before >= w.extent() || w.after >= w.extent())
    return node.bad(
        "%s paddings %lld and %lld, must be from 0 to less than the filter's extent %lld", axis,
        ll(w.before), ll(w.after), ll(w.extent()));
  return kOk;
}

inline Status check_padding_scheme(const Node& node, int32_t scheme) {
  if (scheme == ANEURALNETWORKS_PADDING_SAME || scheme == ANEURALNETWORKS_PADDING_VALID) return kOk;
  return node.bad("padding scheme %d, must be 1 (same) or 2 (valid)", scheme);
}

}  // namespace nnapi::host
