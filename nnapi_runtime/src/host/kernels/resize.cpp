#include "host/kernels/resize.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "host/float16.h"
#include "host/quantization.h"
#include "host/vector_loop.h"

namespace nnapi::host {
namespace {

// One axis: from an output position to positions in the input, computed in float32 as NNAPI's
// documentation of the three conventions implies.
class Axis {
 public:
  Axis(const Resizing& r, int64_t in, int64_t out)
      : last_(in - 1),
        scale_(r.align_corners && out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                                          : static_cast<float>(in) / static_cast<float>(out)),
        rounds_(r.align_corners),
        half_(r.half_pixel_centers ? 0.5f : 0.0f) {}

  int64_t nearest(int64_t out) const {
    const float at = (static_cast<float>(out) + half_) * scale_;
    return std::min(static_cast<int64_t>(rounds_ ? at + 0.5f : at), last_);
  }

  // The two neighbours, and how much of the second.
  struct Pair {
    int64_t first, second;
    float share;
  };
  Pair between(int64_t out) const {
    const float at = std::max((static_cast<float>(out) + half_) * scale_ - half_, 0.0f);
    const int64_t first = std::min(static_cast<int64_t>(at), last_);
    return {first, std::min(first + 1, last_), at - static_cast<float>(first)};
  }

 private:
  int64_t last_;
  float scale_;
  bool rounds_;
  float half_;
};

template <class T>
T mix(const Axis::Pair& y, const Axis::Pair& x, T top_left, T top_right, T bottom_left,
      T bottom_right) {
  const auto value = [](T element) -> float {
    if constexpr (std::is_integral_v<T>)
      return element;
    else
      return to_float(element);
  };
  const float top = value(top_left) * (1 - x.share) + value(top_right) * x.share;
  const float bottom = value(bottom_left) * (1 - x.share) + value(bottom_right) * x.share;
  const float mixed = top * (1 - y.share) + bottom * y.share;
  if constexpr (std::is_integral_v<T>)
    return Quantizer<T>(0)(mixed);
  else
    return from_float<T>(mixed);
}

template <class T>
void nearest_row(const Resizing& r, const T* input, T* output, int64_t b, int64_t oy) {
  const ImageStrides in = ImageStrides::of(r.in, r.nchw), out = ImageStrides::of(r.out, r.nchw);
  const Axis y(r, r.in.height, r.out.height), x(r, r.in.width, r.out.width);
  const T* row = input + b * in.batch + y.nearest(oy) * in.row;
  T* to = output + b * out.batch + oy * out.row;
  for (int64_t ox = 0; ox < r.out.width; ++ox) {
    const T* from = row + x.nearest(ox) * in.column;
    if (r.nchw)
      for (int64_t c = 0; c < r.in.channels; ++c) to[ox + c * out.channel] = from[c * in.channel];
    else
      std::copy_n(from, r.in.channels, to + ox * out.column);
  }
}

template <class T>
void bilinear_row(const Resizing& r, const T* input, T* output, int64_t b, int64_t oy) {
  const ImageStrides in = ImageStrides::of(r.in, r.nchw), out = ImageStrides::of(r.out, r.nchw);
  const Axis::Pair y = Axis(r, r.in.height, r.out.height).between(oy);
  const Axis axis_x(r, r.in.width, r.out.width);
  const T* top = input + b * in.batch + y.first * in.row;
  const T* bottom = input + b * in.batch + y.second * in.row;
  T* to = output + b * out.batch + oy * out.row;
  const auto pixel = [&](int64_t ox, auto in_channel, auto out_channel) {
    const Axis::Pair x = axis_x.between(ox);
    const int64_t left = x.first * in.column, right = x.second * in.column;
    for (int64_t c = 0; c < r.in.channels; ++c)
      to[ox * out.column + c * out_channel] =
          mix(y, x, top[left + c * in_channel], top[right + c * in_channel],
              bottom[left + c * in_channel], bottom[right + c * in_channel]);
  };
  using One = std::integral_constant<int64_t, 1>;
  for (int64_t ox = 0; ox < r.out.width; ++ox) {
    if (r.nchw)
      pixel(ox, in.channel, out.channel);
    else
      pixel(ox, One(), One());
  }
}

template <class T>
using RowResizer = void (*)(const Resizing&, const T*, T*, int64_t, int64_t);

template <class T>
void resize_rows(RowResizer<T> row, const Resizing& r, const void* input, void* output,
                 ThreadPool& threads) {
  const int64_t grain = 1 + 32768 / std::max<int64_t>(r.out.width * r.out.channels, 1);
  parallel_loop(threads, r.out.batch * r.out.height, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      row(r, static_cast<const T*>(input), static_cast<T*>(output), i / r.out.height,
          i % r.out.height);
  });
}

}  // namespace

// Elements are only copied: what counts is their size.
void resize_nearest(const Resizing& r, const void* input, void* output, ThreadPool& threads) {
  switch (element_size(r.type)) {
    case 1:
      return resize_rows<uint8_t>(nearest_row<uint8_t>, r, input, output, threads);
    case 2:
      return resize_rows<uint16_t>(nearest_row<uint16_t>, r, input, output, threads);
    default:
      return resize_rows<uint32_t>(nearest_row<uint32_t>, r, input, output, threads);
  }
}

void resize_bilinear(const Resizing& r, const void* input, void* output, ThreadPool& threads) {
  switch (r.type) {
    case ANEURALNETWORKS_TENSOR_FLOAT32:
      return resize_rows<float>(bilinear_row<float>, r, input, output, threads);
    case ANEURALNETWORKS_TENSOR_FLOAT16:
      return resize_rows<Float16>(bilinear_row<Float16>, r, input, output, threads);
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM:
      return resize_rows<uint8_t>(bilinear_row<uint8_t>, r, input, output, threads);
    default:
      return resize_rows<int8_t>(bilinear_row<int8_t>, r, input, output, threads);
  }
}

}  // namespace nnapi::host
