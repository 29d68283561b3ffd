// Quantised values of 8 bits: real = (stored - zero point) * scale. Rules about scales that several
// operations share, and the one way of rounding a real number to a stored value.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "host/operation/operation.h"

namespace nnapi::host {

inline bool is_quant8(int32_t type) {
  return type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM ||
         type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED;
}

inline bool same_quantization(const Tensor& a, const Tensor& b) {
  return a.scale == b.scale && a.zero_point == b.zero_point;
}

// For infer: a quantised output must be quantised as the input is.
inline Status check_quantization_kept(const Node& node, uint32_t in = 0, uint32_t out = 0) {
  const Tensor& x = node.in(in);
  const Tensor& y = node.out(out);
  if (!is_quant8(x.type) || same_quantization(x, y)) return kOk;
  return node.bad("output %u has scale %g and zero point %d, must be those of input %u, %g and %d",
                  out, y.scale, y.zero_point, in, x.scale, x.zero_point);
}

// For infer: a quantised output 0 must have this scale, and the zero point that leaves `below` of
// the 256 values for negative numbers: 0 and -128, or 128 and 0.
inline Status check_output_scale(const Node& node, float scale, int32_t below) {
  const Tensor& y = node.out(0);
  if (!is_quant8(y.type)) return kOk;
  const bool is_signed = y.type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED;
  const int32_t zero_point = is_signed ? below - 128 : below;
  if (y.scale == scale && y.zero_point == zero_point) return kOk;
  return node.bad("output has scale %g and zero point %d, must be %g and %d", y.scale, y.zero_point,
                  scale, zero_point);
}

// Turns real numbers, given in units of the output's scale, into stored values: rounds half away
// from zero and saturates at [first, last]. NaN becomes `last`, as AOSP's QUANTIZE has it.
template <class Q>
class Quantizer {
 public:
  explicit Quantizer(int32_t zero_point, int32_t first = std::numeric_limits<Q>::min(),
                     int32_t last = std::numeric_limits<Q>::max())
      : zero_point_(zero_point), low_(first - zero_point), high_(last - zero_point) {}

  // Real is float, or double where the float's 24 bits would not do.
  template <class Real>
  Q operator()(Real steps) const {
    const Real low = static_cast<Real>(low_), high = static_cast<Real>(high_);
    steps = steps < high ? steps : high;
    steps = steps > low ? steps : low;
    // The largest number below one half: adding 0.5 would round that very number up to 1.
    constexpr Real kHalf = Real{0.5} - std::numeric_limits<Real>::epsilon() / 4;
    const int32_t rounded = static_cast<int32_t>(steps + std::copysign(kHalf, steps));
    return static_cast<Q>(rounded + zero_point_);
  }

 private:
  int32_t zero_point_, low_, high_;
};

}  // namespace nnapi::host
