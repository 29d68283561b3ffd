// QUANTIZE DEQUANTIZE CAST: the same shape in another element type.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "host/arithmetic/map_elements.h"
#include "host/arithmetic/quantization.h"
#include "host/base/float16.h"
#include "host/operation/element_type.h"
#include "host/tensor/axis_view.h"

namespace nnapi::host {
namespace {

constexpr uint32_t kInput = 0;

Status keep_shape(const Node& node) {
  node.out(0).shape = node.in(kInput).shape;
  return kOk;
}

// ---- QUANTIZE

Status run_quantize(const Node& node, const Prepared*) {
  const Tensor& in = node.in(kInput);
  Tensor& out = node.out(0);
  return with_element_type<float, Float16>(node, in.type, [&]<class T>(ElementType<T>) {
    return with_element_type<uint8_t, int8_t>(node, out.type, [&]<class Q>(ElementType<Q>) {
      const Quantizer<Q> quantize(out.zero_point);
      map_elements(node, out.count(), in.as<T>(), out.as<Q>(),
                   [quantize, scale = out.scale](T x) { return quantize(to_float(x) / scale); });
    });
  });
}

// ---- DEQUANTIZE

Status infer_dequantize(const Node& node) {
  const Tensor& in = node.in(kInput);
  if (in.type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL &&
      (in.channel.dim >= in.shape.rank() || in.channel.count != in.shape[in.channel.dim]))
    return node.bad("%u scales along dimension %u do not fit the input's shape", in.channel.count,
                    in.channel.dim);
  return keep_shape(node);
}

template <class Q, class T>
void dequantize_channels(const Node& node) {
  const Tensor& in = node.in(kInput);
  const AxisView view = AxisView::of(in.shape, in.channel.dim);
  const Q* x = in.as<Q>();
  T* y = node.out(0).as<T>();
  const auto rows = static_cast<int64_t>(view.outer * view.size);
  const auto grain =
      kElementGrain / static_cast<int64_t>(std::clamp<size_t>(view.inner, 1, kElementGrain));
  parallel_for(node.pool(), rows, grain, [&](int64_t begin, int64_t end) {
    for (size_t row = static_cast<size_t>(begin); row < static_cast<size_t>(end); ++row) {
      const float scale = in.channel.scales[row % view.size];
      for (size_t i = row * view.inner; i < (row + 1) * view.inner; ++i)
        y[i] = from_float<T>(scale * static_cast<float>(x[i]));
    }
  });
}

Status run_dequantize(const Node& node, const Prepared*) {
  const Tensor& in = node.in(kInput);
  Tensor& out = node.out(0);
  return with_element_type<uint8_t, int8_t>(node, in.type, [&]<class Q>(ElementType<Q>) {
    return with_element_type<float, Float16>(node, out.type, [&]<class T>(ElementType<T>) {
      if (in.type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL)
        return dequantize_channels<Q, T>(node);
      map_elements(node, out.count(), in.as<Q>(), out.as<T>(),
                   [scale = in.scale, zero = in.zero_point](Q x) {
                     return from_float<T>(scale * static_cast<float>(x - zero));
                   });
    });
  });
}

// ---- CAST: numbers as they are stored; scale and zero point do not count.

// Cuts off the fraction. What the integer type cannot hold becomes its nearest value, and a NaN 0,
// as Arm's conversions have it; C++ leaves both undefined.
template <class To>
To to_integer(float x) {
  constexpr float kLeast = static_cast<float>(std::numeric_limits<To>::min());
  constexpr float kTooLarge = static_cast<float>(int64_t{std::numeric_limits<To>::max()} + 1);
  if (std::isnan(x)) return 0;
  if (x <= kLeast) return std::numeric_limits<To>::min();
  if (x >= kTooLarge) return std::numeric_limits<To>::max();
  return static_cast<To>(x);
}

template <class To, class From>
To cast(From x) {
  constexpr bool kFromInteger = std::is_integral_v<From>;
  if constexpr (!std::is_integral_v<To>) {
    if constexpr (kFromInteger) return from_float<To>(static_cast<float>(x));
    if constexpr (!kFromInteger) return from_float<To>(to_float(x));
  } else if constexpr (!kFromInteger) {
    return to_integer<To>(to_float(x));
  } else {
    using Limits = std::numeric_limits<To>;
    return static_cast<To>(std::clamp<int32_t>(x, Limits::min(), Limits::max()));
  }
}

Status run_cast(const Node& node, const Prepared*) {
  const Tensor& in = node.in(kInput);
  Tensor& out = node.out(0);
  if (in.type == out.type) {
    if (out.count() > 0) std::memcpy(out.data, in.data, out.count() * element_size(out.type));
    return kOk;
  }
  return with_element_type<float, Float16, int32_t, uint8_t>(
      node, in.type, [&]<class From>(ElementType<From>) {
        return with_element_type<float, Float16, int32_t, uint8_t>(
            node, out.type, [&]<class To>(ElementType<To>) {
              map_elements(node, out.count(), in.as<From>(), out.as<To>(),
                           [](From x) { return cast<To>(x); });
            });
      });
}

}  // namespace

NNAPI_OPERATION(QUANTIZE, .infer = keep_shape, .run = run_quantize, .elementwise = true);
NNAPI_OPERATION(DEQUANTIZE, .infer = infer_dequantize, .run = run_dequantize, .elementwise = true);
NNAPI_OPERATION(CAST, .infer = keep_shape, .run = run_cast);

}  // namespace nnapi::host
