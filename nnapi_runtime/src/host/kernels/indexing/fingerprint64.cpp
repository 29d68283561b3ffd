#include "host/kernels/indexing/fingerprint64.h"

#include <bit>
#include <cstring>
#include <utility>

namespace nnapi::host {
namespace {

constexpr uint64_t kPrime0 = 0xc3a5c85c97cb3127, kPrime1 = 0xb492b66fbe98f273,
                   kPrime2 = 0x9ae16a3b2f90404f;

template <class T>
T load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}
uint64_t load64(const char* bytes) { return load<uint64_t>(bytes); }

uint64_t fold(uint64_t value) { return value ^ (value >> 47); }

// Two words into one.
uint64_t mix(uint64_t a, uint64_t b, uint64_t factor) {
  return fold((b ^ fold((a ^ b) * factor)) * factor) * factor;
}

struct Pair {
  uint64_t first = 0, second = 0;
};

// 32 bytes and a pair of words into a new pair.
Pair mix_32(const char* bytes, uint64_t a, uint64_t b) {
  a += load64(bytes);
  b = std::rotr(b + a + load64(bytes + 24), 21);
  const uint64_t start = a;
  a += load64(bytes + 8) + load64(bytes + 16);
  b += std::rotr(a, 44);
  return {a + load64(bytes + 24), b + start};
}

uint64_t hash_to_16(const char* s, size_t size) {
  const uint64_t factor = kPrime2 + size * 2;
  if (size >= 8) {
    const uint64_t a = load64(s) + kPrime2, b = load64(s + size - 8);
    const uint64_t c = std::rotr(b, 37) * factor + a, d = (std::rotr(a, 25) + b) * factor;
    return mix(c, d, factor);
  }
  if (size >= 4) {
    const uint64_t a = load<uint32_t>(s), b = load<uint32_t>(s + size - 4);
    return mix(size + (a << 3), b, factor);
  }
  if (size > 0) {
    const uint32_t a = static_cast<uint8_t>(s[0]), b = static_cast<uint8_t>(s[size / 2]),
                   c = static_cast<uint8_t>(s[size - 1]);
    const uint64_t y = a + (b << 8), z = static_cast<uint32_t>(size) + (c << 2);
    return fold(y * kPrime2 ^ z * kPrime0) * kPrime2;
  }
  return kPrime2;
}

uint64_t hash_17_to_32(const char* s, size_t size) {
  const uint64_t factor = kPrime2 + size * 2;
  const uint64_t a = load64(s) * kPrime1, b = load64(s + 8);
  const uint64_t c = load64(s + size - 8) * factor, d = load64(s + size - 16) * kPrime2;
  return mix(std::rotr(a + b, 43) + std::rotr(c, 30) + d, a + std::rotr(b + kPrime2, 18) + c,
             factor);
}

uint64_t hash_33_to_64(const char* s, size_t size) {
  const uint64_t factor = kPrime2 + size * 2;
  const uint64_t a = load64(s) * kPrime2, b = load64(s + 8);
  const uint64_t c = load64(s + size - 8) * factor, d = load64(s + size - 16) * kPrime2;
  const uint64_t y = std::rotr(a + b, 43) + std::rotr(c, 30) + d;
  const uint64_t z = mix(y, a + std::rotr(b + kPrime2, 18) + c, factor);
  const uint64_t e = load64(s + 16) * factor, f = load64(s + 24);
  const uint64_t g = (y + load64(s + size - 32)) * factor;
  const uint64_t h = (z + load64(s + size - 24)) * factor;
  return mix(std::rotr(e + f, 43) + std::rotr(g, 30) + h, e + std::rotr(f + a, 18) + g, factor);
}

// The state that runs over blocks of 64 bytes.
struct State {
  uint64_t x = 81, y = 81 * kPrime1 + 113, z = fold(y * kPrime2 + 113) * kPrime2;
  Pair v, w;

  // `weight` is 1 in the middle and 9 in the last block.
  void add_block(const char* s, uint64_t factor, uint64_t weight) {
    x = std::rotr(x + y + v.first + load64(s + 8), 37) * factor;
    y = std::rotr(y + v.second + load64(s + 48), 42) * factor;
    x ^= w.second * weight;
    y += v.first * weight + load64(s + 40);
    z = std::rotr(z + w.first, 33) * factor;
    v = mix_32(s, v.second * factor, x + w.first);
    w = mix_32(s + 32, z + w.second, y + load64(s + 16));
    std::swap(z, x);
  }
};

uint64_t hash_above_64(const char* s, size_t size) {
  State state;
  state.x = state.x * kPrime2 + load64(s);
  const char* last_block = s + size - 64;  // may overlap the one before it
  const size_t tail = (size - 1) & 63;
  for (; s < last_block; s += 64) state.add_block(s, kPrime1, 1);

  const uint64_t factor = kPrime1 + ((state.z & 0xff) << 1);
  state.w.first += tail;
  state.v.first += state.w.first;
  state.w.first += state.v.first;
  state.add_block(last_block, factor, 9);
  return mix(mix(state.v.first, state.w.first, factor) + fold(state.y) * kPrime0 + state.z,
             mix(state.v.second, state.w.second, factor) + state.x, factor);
}

}  // namespace

uint64_t fingerprint64(const char* bytes, size_t size) {
  if (size <= 16) return hash_to_16(bytes, size);
  if (size <= 32) return hash_17_to_32(bytes, size);
  if (size <= 64) return hash_33_to_64(bytes, size);
  return hash_above_64(bytes, size);
}

}  // namespace nnapi::host
