#include "host/arithmetic/byte_lookup.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>

#include <cstring>
#endif

#include "host/base/instruction_set.h"

namespace nnapi::host {
namespace {

using LookUp = void (*)(const uint8_t*, const uint8_t*, uint8_t*, int64_t);

void look_up_one_by_one(const uint8_t* table, const uint8_t* in, uint8_t* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i] = table[in[i]];
}

#if defined(__x86_64__)
#define NNAPI_LOOK_UP_TARGET gnu::target("avx512f,avx512bw,avx512vbmi")

// The whole table lies in four registers; an instruction looks up in two of them.
[[NNAPI_LOOK_UP_TARGET, gnu::always_inline]] inline __m512i look_up(const __m512i (&part)[4],
                                                                    __m512i index) {
  const __m512i low = _mm512_permutex2var_epi8(part[0], index, part[1]);
  const __m512i high = _mm512_permutex2var_epi8(part[2], index, part[3]);
  return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high);
}

[[NNAPI_LOOK_UP_TARGET]] void look_up_avx512(const uint8_t* table, const uint8_t* in, uint8_t* out,
                                             int64_t count) {
  __m512i part[4];
  for (int i = 0; i < 4; ++i) part[i] = _mm512_loadu_si512(table + 64 * i);
  int64_t i = 0;
  for (; i + 64 <= count; i += 64)
    _mm512_storeu_si512(out + i, look_up(part, _mm512_loadu_si512(in + i)));
  if (i < count) {
    const __mmask64 mask = (__mmask64{1} << (count - i)) - 1;
    _mm512_mask_storeu_epi8(out + i, mask, look_up(part, _mm512_maskz_loadu_epi8(mask, in + i)));
  }
}
#elif defined(__aarch64__)

// The whole table lies in sixteen registers. An instruction looks up in four of them, and leaves
// what is there where an index is beyond these.
inline uint8x16_t look_up(const uint8x16x4_t (&part)[4], uint8x16_t index) {
  uint8x16_t found = vqtbl4q_u8(part[0], index);
  for (int i = 1; i < 4; ++i)
    found = vqtbx4q_u8(found, part[i], vsubq_u8(index, vdupq_n_u8(static_cast<uint8_t>(64 * i))));
  return found;
}

void look_up_neon(const uint8_t* table, const uint8_t* in, uint8_t* out, int64_t count) {
  uint8x16x4_t part[4];
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) part[i].val[j] = vld1q_u8(table + 64 * i + 16 * j);
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) vst1q_u8(out + i, look_up(part, vld1q_u8(in + i)));
  if (i == count) return;
  uint8_t rest[16] = {};
  std::memcpy(rest, in + i, static_cast<size_t>(count - i));
  vst1q_u8(rest, look_up(part, vld1q_u8(rest)));
  std::memcpy(out + i, rest, static_cast<size_t>(count - i));
}
#endif

LookUp best() {
#if defined(__x86_64__)
  if (instruction_set() == InstructionSet::kAvx512 && __builtin_cpu_supports("avx512vbmi"))
    return look_up_avx512;
#elif defined(__aarch64__)
  if (instruction_set() != InstructionSet::kPortable) return look_up_neon;
#endif
  return look_up_one_by_one;
}

}  // namespace

void look_up_bytes(const uint8_t* table, const uint8_t* in, uint8_t* out, int64_t count) {
  static const LookUp look_up = best();
  look_up(table, in, out, count);
}

}  // namespace nnapi::host
