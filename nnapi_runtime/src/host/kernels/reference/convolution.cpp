#include "host/kernels/convolution/convolution.h"

#include "host/base/float16.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

// float32 and float16: products and sums in double.
struct FloatArithmetic {
  const Convolution& c;

  static double value(auto element) { return to_float(element); }
  static double product(double input, double weight) { return input * weight; }
  template <class T>
  T finish(double sum, int64_t /*channel*/) const {
    return from_float<T>(c.float_range.clamp(static_cast<float>(sum)));
  }
};

// 8 bits: exact integers, then one rounding.
struct ByteArithmetic {
  const Convolution& c;

  static int64_t value(int32_t element) { return element; }
  int64_t product(int64_t input, int64_t weight) const {
    return (input - c.in_zero) * (weight - c.weight_zero);
  }
  template <class T>
  T finish(int64_t sum, int64_t channel) const {
    const double steps = static_cast<double>(sum) * c.scale[channel];
    return static_cast<T>(to_step(steps, c.out_zero, c.byte_range));
  }
};

// The input position that an output position sees under a tap of the window, or -1.
struct Reach {
  const WindowAxis& axis;
  int64_t size;
  bool transposed;

  int64_t operator()(int64_t out, int64_t tap) const {
    int64_t at = out * axis.stride - axis.before + tap * axis.dilation;
    if (transposed) {
      const int64_t distance = out + axis.before - tap;
      if (distance < 0 || distance % axis.stride != 0) return -1;
      at = distance / axis.stride;
    }
    return at >= 0 && at < size ? at : -1;
  }
};

// Where an output pixel is in its image.
struct Position {
  int64_t batch, y, x;
};

// Output channels [first, end) of one pixel.
template <class T, class W, class B, class Arithmetic>
void convolve_pixel(const Convolution& c, const ConvolutionData& data, const ImageStrides& in,
                    const ImageStrides& out, const Arithmetic& arithmetic, const Position& at,
                    int64_t first, int64_t end) {
  const T* input = static_cast<const T*>(data.input);
  const W* weights = static_cast<const W*>(data.weights);
  const B* bias = static_cast<const B*>(data.bias);
  T* output = static_cast<T*>(data.output);
  const Reach reach_y{c.y, c.in.height, c.transposed}, reach_x{c.x, c.in.width, c.transposed};
  const int64_t group_in = c.group_in(), group_out = c.group_out();
  for (int64_t oc = first; oc < end; ++oc) {
    const int64_t first_in = oc / group_out * group_in;
    auto sum = arithmetic.value(bias ? bias[oc] : B{0});
    for (int64_t ky = 0; ky < c.y.filter; ++ky) {
      const int64_t iy = reach_y(at.y, ky);
      if (iy < 0) continue;
      for (int64_t kx = 0; kx < c.x.filter; ++kx) {
        const int64_t ix = reach_x(at.x, kx);
        if (ix < 0) continue;
        const T* x =
            input + at.batch * in.batch + iy * in.row + ix * in.column + first_in * in.channel;
        const W* w = weights + oc * c.weight.out + ky * c.weight.row + kx * c.weight.column;
        for (int64_t ic = 0; ic < group_in; ++ic)
          sum += arithmetic.product(arithmetic.value(x[ic * in.channel]),
                                    arithmetic.value(w[ic * c.weight.in]));
      }
    }
    output[at.batch * out.batch + at.y * out.row + at.x * out.column + oc * out.channel] =
        arithmetic.template finish<T>(sum, oc);
  }
}

template <class T, class W, class B, class Arithmetic>
void convolve(const Convolution& c, const ConvolutionData& data, const Arithmetic& arithmetic,
              ThreadPool& pool) {
  const ImageStrides in = ImageStrides::of(c.in, c.in_nchw);
  const ImageStrides out = ImageStrides::of(c.out, c.out_nchw);
  parallel_for(pool, c.out.batch * c.out.height, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t ox = 0; ox < c.out.width; ++ox)
        convolve_pixel<T, W, B>(c, data, in, out, arithmetic,
                                {row / c.out.height, row % c.out.height, ox}, 0, c.out.channels);
  });
}

}  // namespace

void convolve_reference(const Convolution& c, const ConvolutionData& data, ThreadPool& pool) {
  const FloatArithmetic real{c};
  const ByteArithmetic steps{c};
  const bool per_channel = c.weight_type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL;
  switch (c.type) {
    case ANEURALNETWORKS_TENSOR_FLOAT32:
      return convolve<float, float, float>(c, data, real, pool);
    case ANEURALNETWORKS_TENSOR_FLOAT16:
      return convolve<Float16, Float16, Float16>(c, data, real, pool);
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM:
      if (per_channel) return convolve<uint8_t, int8_t, int32_t>(c, data, steps, pool);
      return convolve<uint8_t, uint8_t, int32_t>(c, data, steps, pool);
    default:  // TENSOR_QUANT8_ASYMM_SIGNED, with signed weights of either kind
      return convolve<int8_t, int8_t, int32_t>(c, data, steps, pool);
  }
}

void convolve_staged_pixel(const Convolution& c, const ConvolutionData& data, int64_t row,
                           int64_t ox, int64_t first, int64_t end) {
  const ImageStrides in = ImageStrides::of(c.in, false), out = ImageStrides::of(c.out, false);
  const FloatArithmetic real{c};
  const Position at{row / c.out.height, row % c.out.height, ox};
  if (c.weight_type == ANEURALNETWORKS_TENSOR_FLOAT16)
    convolve_pixel<float, Float16, Float16>(c, data, in, out, real, at, first, end);
  else
    convolve_pixel<float, float, float>(c, data, in, out, real, at, first, end);
}

void Convolution::set_elements(const Tensor& input, const Tensor& weights, const Tensor& output,
                               int32_t activation) {
  type = input.type;
  weight_type = weights.type;
  if (!quantised()) {
    float_range = activation_range(activation);
    return;
  }
  in_zero = input.zero_point;
  weight_zero =
      weight_type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL ? 0 : weights.zero_point;
  out_zero = output.zero_point;
  scale = AccumulatorScale::of(input, weights, output);
  byte_range = quantised_activation_range(activation, output);
}

}  // namespace nnapi::host
