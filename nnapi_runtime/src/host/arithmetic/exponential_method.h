// exp, and the activations made of it, within 3 units in the last place of a float: for one number
// and for vectors of them. No branches and no calls. Everything here has internal linkage, for
// instruction sets compile it anew.
//
// Real is float or a vector of floats, Int of as many 32-bit integers. Numbers has
//   at_least(low, x), at_most(high, x)   x where it is not beyond the bound, and where it is a NaN
//   scale(x, n)                          x * 2^n for whole numbers n from -151 to 129
//   multiply_add(a, b, c)                a * b + c. Rounded once where the instruction set can, and
//                                        said so, since compilers see it in some places only
#pragma once

#include <cstdint>

namespace nnapi::host {
namespace {

template <class Real, class Int>
struct PlainNumbers {
  [[gnu::always_inline]] static inline Real at_least(Real low, Real x) { return x < low ? low : x; }
  [[gnu::always_inline]] static inline Real at_most(Real high, Real x) {
    return x > high ? high : x;
  }
  [[gnu::always_inline]] static inline Real multiply_add(Real a, Real b, Real c) {
    return a * b + c;
  }
  [[gnu::always_inline]] static inline Real scale(Real x, Real n) {
    // In two factors: n may exceed a float's exponents at either end.
    constexpr float kInteger = 0x1.8p23f;  // with it added, the last bits are those of an integer
    const Int exponent =
        __builtin_bit_cast(Int, n + kInteger) - __builtin_bit_cast(int32_t, kInteger);
    const Int half = exponent >> 1;
    const Int first = (half + 127) << 23, second = (exponent - half + 127) << 23;
    return x * __builtin_bit_cast(Real, first) * __builtin_bit_cast(Real, second);
  }
};

// The number, in all lanes.
template <class Real>
[[gnu::always_inline]] inline Real lanes_of(float number) {
  return Real{} + number;
}

// The method of Cephes (S. Moshier): exp(x) = 2^n * exp(r), |r| <= ln(2) / 2. The polynomial is one
// degree shorter (weighted minimax), which adds an error of 2^-28.
template <class Real, class Numbers>
[[gnu::always_inline]] inline Real exponential_of(Real x) {
  // Beyond these the result is 0 or infinite.
  x = Numbers::at_most(Real{} + 89.0f, Numbers::at_least(Real{} - 104.0f, x));
  constexpr float kRounder = 0x1.8p23f;  // a number this large has no fraction
  const Real n =
      Numbers::multiply_add(x, lanes_of<Real>(1.44269504f), lanes_of<Real>(kRounder)) - kRounder;
  // ln(2) in two parts: the first has few bits, so that n times it is exact.
  const Real r = Numbers::multiply_add(n, lanes_of<Real>(2.12194440e-4f),
                                       Numbers::multiply_add(n, lanes_of<Real>(-0.693359375f), x));
  // In pairs, which wait less for each other than one term after the other.
  const Real square = r * r;
  const Real second =
      Numbers::multiply_add(r, lanes_of<Real>(8.3687454462e-3f), lanes_of<Real>(4.1668388993e-2f));
  const Real zeroth =
      Numbers::multiply_add(r, lanes_of<Real>(1.6666521132e-1f), lanes_of<Real>(4.9999994040e-1f));
  const Real fourth = Numbers::multiply_add(square, lanes_of<Real>(1.3814540580e-3f), second);
  const Real p = Numbers::multiply_add(fourth, square, zeroth);
  return Numbers::scale(Numbers::multiply_add(p, square, r + 1.0f), n);
}

// Below -88.7 the result is 0 rather than subnormal.
template <class Real, class Numbers>
[[gnu::always_inline]] inline Real logistic_of(Real x) {
  return 1.0f / (1.0f + exponential_of<Real, Numbers>(-x));
}

template <class Real, class Int, class Numbers>
[[gnu::always_inline]] inline Real hyperbolic_tangent_of(Real x) {
  const Int bits = __builtin_bit_cast(Int, x);
  const Int sign = bits & INT32_MIN;
  const Real magnitude = __builtin_bit_cast(Real, bits & INT32_MAX);
  // Near 0 the other formula would cancel.
  const Real square = x * x;
  Real p = Numbers::multiply_add(square, lanes_of<Real>(-5.70498872745e-3f),
                                 lanes_of<Real>(2.06390887954e-2f));
  p = Numbers::multiply_add(p, square, lanes_of<Real>(-5.37397155531e-2f));
  p = Numbers::multiply_add(p, square, lanes_of<Real>(1.33314422036e-1f));
  p = Numbers::multiply_add(p, square, lanes_of<Real>(-3.33332819422e-1f));
  const Real near_zero = Numbers::multiply_add(magnitude * square, p, magnitude);
  const Real elsewhere = 1.0f - 2.0f / (exponential_of<Real, Numbers>(magnitude * 2.0f) + 1.0f);
  const Real result = magnitude < 0.625f ? near_zero : elsewhere;
  return __builtin_bit_cast(Real, (__builtin_bit_cast(Int, result) & INT32_MAX) | sign);
}

}  // namespace
}  // namespace nnapi::host
