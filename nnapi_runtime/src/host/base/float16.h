// float16 in memory, float32 in every computation: the only place that converts between the two.
//
// The conversions are written as integer arithmetic without branches, so that loops over them
// become vector code on every x86-64; compilers call a library routine per element otherwise.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>

namespace nnapi::host {

// IEEE binary16. Not _Float16, which compilers know for some targets only, and which would let
// arithmetic slip in.
struct Float16 {
  uint16_t bits;
};

inline float to_float(float value) { return value; }

inline float to_float(Float16 value) {
  const uint32_t half = value.bits;
  const uint32_t shifted = (half & 0x7fffu) << 13;  // magnitude, exponent still biased by 15
  const float normal = std::bit_cast<float>(shifted + (112u << 23));
  const float infinite_or_nan = std::bit_cast<float>(shifted + (224u << 23));
  // Without the hidden bit of the sum, what is left is mantissa * 2^-24.
  const float subnormal = std::bit_cast<float>(shifted + (113u << 23)) - 0x1p-14f;
  const float magnitude = shifted >= (31u << 23) ? infinite_or_nan
                          : shifted < (1u << 23) ? subnormal
                                                 : normal;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | (half & 0x8000u) << 16);
}

// Rounds to nearest, ties to even; what is too large becomes an infinity.
inline Float16 to_float16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  // Moves the exponent's bias from 127 to 15 and adds just under half of the last kept bit, so
  // that a tie carries only into an odd mantissa. A carry out of it gives the next exponent.
  const uint32_t normal = (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  // Beside 0.5 one unit in the last place is 2^-24, the step of float16's subnormals.
  const float beside_half = std::bit_cast<float>(magnitude) + 0.5f;
  const uint32_t subnormal = std::bit_cast<uint32_t>(beside_half) - std::bit_cast<uint32_t>(0.5f);
  const uint32_t infinite_or_nan = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
  const uint32_t half = magnitude >= (143u << 23)  ? infinite_or_nan
                        : magnitude < (113u << 23) ? subnormal
                                                   : normal;
  return {static_cast<uint16_t>(half | (bits >> 16 & 0x8000u))};
}

inline bool operator==(Float16 a, Float16 b) { return to_float(a) == to_float(b); }
inline std::partial_ordering operator<=>(Float16 a, Float16 b) {
  return to_float(a) <=> to_float(b);
}

// For kernels written once for both: T(value) by these rules.
template <class T>
T from_float(float value);
template <>
inline float from_float<float>(float value) {
  return value;
}
template <>
inline Float16 from_float<Float16>(float value) {
  return to_float16(value);
}

}  // namespace nnapi::host
