// Fixed-point arithmetic on integers, as quantised LSTM cells define it: every result is rounded
// half away from zero and saturated, step by step, so that it is the same on every machine.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace nnapi::host::fixed_point {

template <class T>
T saturate(int64_t value) {
  return static_cast<T>(
      std::clamp<int64_t>(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

// value / 2^bits, for bits from 0 to 62.
inline int64_t shift_right(int64_t value, int bits) {
  const int64_t mask = (int64_t{1} << bits) - 1;
  const int64_t dropped = value & mask;
  const int64_t half = (mask >> 1) + (value < 0 ? 1 : 0);
  return (value >> bits) + (dropped > half ? 1 : 0);
}

// The product of two numbers which stand for value / 2^(bits of T - 1).
template <class T>
T multiply(T a, T b) {
  constexpr int kBits = 8 * sizeof(T) - 1;
  const int64_t product = int64_t{a} * b;
  const int64_t half = product >= 0 ? int64_t{1} << (kBits - 1) : 1 - (int64_t{1} << (kBits - 1));
  return saturate<T>((product + half) / (int64_t{1} << kBits));
}

// From `from` integer bits to `to`.
template <class T>
T rescale(T value, int from, int to) {
  return from > to ? saturate<T>(int64_t{value} * (int64_t{1} << (from - to)))
                   : static_cast<T>(shift_right(value, to - from));
}

// ---- scaling by a real number

// mantissa / 2^31 * 2^shift
struct Multiplier {
  int32_t mantissa = 0;
  int shift = 0;

  // Less than 2^-32 counts as zero. False if `real` is negative, not finite or 2^30 and more.
  static bool from(double real, Multiplier* multiplier) {
    if (!(real >= 0.0 && real < 0x1p30)) return false;
    int shift = 0;
    int64_t mantissa = std::llround(std::frexp(real, &shift) * 0x1p31);
    if (mantissa == int64_t{1} << 31) mantissa /= 2, ++shift;
    *multiplier = shift < -31 ? Multiplier{} : Multiplier{static_cast<int32_t>(mantissa), shift};
    return true;
  }
};

inline int32_t scale(int64_t value, Multiplier by) {
  const int left = std::clamp(by.shift, 0, 31), right = std::max(-by.shift, 0);
  const int32_t shifted = saturate<int32_t>(int64_t{saturate<int32_t>(value)} << left);
  return static_cast<int32_t>(shift_right(multiply(shifted, by.mantissa), right));
}

// ---- functions of 16-bit numbers: input with so many integer bits, result with none

namespace internal {

// A constant given as a 32-bit number, to 16 bits.
constexpr int16_t constant(int32_t value) {
  return static_cast<int16_t>((value + (int32_t{1} << 15)) >> 16);
}
inline int16_t add(int16_t a, int16_t b) { return static_cast<int16_t>(a + b); }
inline int16_t half_sum(int16_t a, int16_t b) {
  const int32_t sum = int32_t{a} + b;
  return static_cast<int16_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
}

// e^x for x in [-1/4, 0): a Taylor series around -1/8.
inline int16_t exp_of_quarter(int16_t x) {
  constexpr int16_t kExpOfEighth = constant(1895147668), kThird = constant(715827883);
  const int16_t d = add(x, 1 << 12);
  const int16_t d2 = multiply(d, d), d3 = multiply(d2, d), d4 = multiply(d2, d2);
  const int16_t cubic = multiply(add(static_cast<int16_t>(shift_right(d4, 2)), d3), kThird);
  const int16_t series = static_cast<int16_t>(shift_right(add(cubic, d2), 1));
  return saturate<int16_t>(int64_t{kExpOfEighth} + multiply(kExpOfEighth, add(d, series)));
}

// e^x for x <= 0 with `integer_bits` (at least 1): the part below 1/4 by the series, times one
// constant for each power of two in the rest.
inline int16_t exp_of_negative(int16_t x, int integer_bits) {
  if (x == 0) return std::numeric_limits<int16_t>::max();
  const int fraction_bits = 15 - integer_bits;
  if (integer_bits > 5 && x < -(32 << fraction_bits)) return 0;
  const int32_t quarter = 1 << (fraction_bits - 2);
  const int32_t part = (x & (quarter - 1)) - quarter;
  const int32_t rest = part - x;
  int16_t result = exp_of_quarter(rescale(static_cast<int16_t>(part), integer_bits, 0));
  constexpr int32_t kExpOfMinusPower[] = {1672461947, 1302514674, 790015084, 290630308,
                                          39332535,   720401,     242};  // 2^-2 to 2^4
  for (int power = -2; power <= 4 && power < integer_bits; ++power)
    if (rest & 1 << (fraction_bits + power))
      result = multiply(result, constant(kExpOfMinusPower[power + 2]));
  return result;
}

// 2 / (1 + x) for x in [0, 1], with two integer bits: Newton's division.
inline int16_t reciprocal_of_half_sum(int16_t x) {
  constexpr int16_t k48By17 = constant(1515870810), kMinus32By17 = constant(-1010580540);
  constexpr int16_t kOne = 1 << 13;
  const int16_t half = half_sum(x, std::numeric_limits<int16_t>::max());
  int16_t result = add(k48By17, multiply(half, kMinus32By17));
  for (int i = 0; i < 3; ++i) {
    const int16_t error = static_cast<int16_t>(kOne - multiply(half, result));
    result = add(result, rescale(multiply(result, error), 4, 2));
  }
  return result;
}

}  // namespace internal

inline int16_t tanh(int16_t x, int integer_bits) {
  using namespace internal;
  if (x == 0) return 0;
  const int16_t negative = static_cast<int16_t>(x < 0 ? x : -x);
  // (1 - e) / (1 + e), where e = exp(-2 |x|): twice a number is the same with a bit more.
  const int16_t e = exp_of_negative(negative, integer_bits + 1);
  const int16_t result = rescale(static_cast<int16_t>(reciprocal_of_half_sum(e) - (1 << 13)), 2, 0);
  return static_cast<int16_t>(x < 0 ? -result : result);
}

// `x` with three integer bits.
inline int16_t logistic(int16_t x) {
  using namespace internal;
  if (x == 0) return 1 << 14;
  const int16_t negative = static_cast<int16_t>(x < 0 ? x : -x);
  const int16_t e = exp_of_negative(negative, 3);
  // 1 / (1 + e): half of what the division gives.
  const int16_t positive = rescale(reciprocal_of_half_sum(e), 1, 0);
  return x > 0 ? positive : static_cast<int16_t>(std::numeric_limits<int16_t>::max() - positive);
}

// 1 / sqrt(value), for a value of 1 or more: five steps of Newton's method with 32 bits.
inline Multiplier inverse_sqrt(int32_t value) {
  if (value <= 1) return {std::numeric_limits<int32_t>::max(), 0};
  int right = 11;
  for (; value >= 1 << 29; value /= 4) ++right;
  const int pairs = (__builtin_clz(static_cast<uint32_t>(value)) - 1) / 2 - 1;
  right -= pairs;
  value <<= 2 * pairs;  // now in [2^27, 2^29)

  // All with three integer bits; a product has more and is brought back.
  constexpr int32_t kOneAndHalf = (1 << 28) + (1 << 27), kHalfSqrt2 = 1518500250;
  const int32_t half = static_cast<int32_t>(shift_right(value >> 1, 1));
  int32_t x = 1 << 28;
  for (int i = 0; i < 5; ++i) {
    const int32_t cube = rescale(multiply(multiply(x, x), x), 9, 3);
    x = rescale(multiply(kOneAndHalf, x) - multiply(half, cube), 6, 3);
  }
  x = multiply(x, kHalfSqrt2);
  if (right < 0) x = saturate<int32_t>(int64_t{x} << -right), right = 0;
  return {x, -right};
}

}  // namespace nnapi::host::fixed_point
