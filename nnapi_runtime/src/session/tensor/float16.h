// Half precision in software: IEEE 754 binary16, rounded to nearest even.
#pragma once

#include <bit>
#include <cstdint>

namespace nnapi::session {

struct Float16 {
  uint16_t bits = 0;

  float to_float() const {
    const uint32_t sign = uint32_t{bits} >> 15 << 31;
    const uint32_t exponent = bits >> 10 & 0x1f;
    const uint32_t fraction = bits & 0x3ff;
    if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) {
      const float small = static_cast<float>(fraction) * 0x1p-24f;
      return sign != 0 ? -small : small;
    }
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  }

  // From float or double, rounded once.
  static Float16 of(double number) {
    const auto word = std::bit_cast<uint64_t>(number);
    const auto sign = static_cast<uint16_t>(word >> 63 << 15);
    const auto exponent = static_cast<int>(word >> 52 & 0x7ff) - 1023;
    uint64_t fraction = word & ((uint64_t{1} << 52) - 1);
    if (exponent == 1024) {
      const uint16_t payload = fraction == 0 ? 0 : static_cast<uint16_t>(0x200 | fraction >> 42);
      return {static_cast<uint16_t>(sign | 0x7c00 | payload)};
    }
    if (exponent < -25) return {sign};
    if (exponent > 15) return {static_cast<uint16_t>(sign | 0x7c00)};
    // Bits to drop: 42 of a normal number, more of a subnormal one, whose leading 1 is explicit.
    const bool normal = exponent >= -14;
    if (!normal) fraction |= uint64_t{1} << 52;
    const int drop = normal ? 42 : 42 + (-14 - exponent);
    uint64_t kept = fraction >> drop;
    const uint64_t rest = fraction & ((uint64_t{1} << drop) - 1);
    const uint64_t half = uint64_t{1} << (drop - 1);
    if (rest > half || (rest == half && (kept & 1) != 0)) ++kept;
    const uint64_t base = normal ? static_cast<uint64_t>(exponent + 15) << 10 : 0;
    return {static_cast<uint16_t>(sign | (base + kept))};
  }
};

}  // namespace nnapi::session
