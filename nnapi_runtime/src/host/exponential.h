// exp, and the activations made of it, within 3 units in the last place of a float. No branches and
// no calls, so that loops over them become vector code: several times the speed of the C library.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace nnapi::host {

// The method and coefficients of Cephes (S. Moshier): exp(x) = 2^n * exp(r), |r| <= ln(2) / 2.
inline float exponential(float x) {
  // Beyond these the result is 0 or infinite; a NaN passes both comparisons.
  x = x < -104.0f ? -104.0f : x > 89.0f ? 89.0f : x;
  constexpr float kRounder = 0x1.8p23f;  // adding it leaves the nearest integer in the last bits
  const float rounded = x * 1.44269504f + kRounder;
  const float n = rounded - kRounder;
  // ln(2) in two parts: the first has few bits, so that n times it is exact.
  const float r = x - n * 0.693359375f - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  // 2^n in two factors: n may exceed a float's exponents at either end.
  const int32_t exponent = std::bit_cast<int32_t>(rounded) - std::bit_cast<int32_t>(kRounder);
  const int32_t half = exponent >> 1;
  const auto power_of_two = [](int32_t e) {
    return std::bit_cast<float>(static_cast<uint32_t>(e + 127) << 23);
  };
  return p * power_of_two(half) * power_of_two(exponent - half);
}

// Below -88.7 the result is 0 rather than subnormal.
inline float logistic(float x) { return 1.0f / (1.0f + exponential(-x)); }

inline float hyperbolic_tangent(float x) {
  const float magnitude = std::fabs(x);
  // Near 0 the other formula would cancel.
  const float square = x * x;
  float p = -5.70498872745e-3f;
  p = p * square + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  const float near_zero = magnitude + magnitude * square * p;
  const float elsewhere = 1.0f - 2.0f / (exponential(2.0f * magnitude) + 1.0f);
  return std::copysign(magnitude < 0.625f ? near_zero : elsewhere, x);
}

}  // namespace nnapi::host
