// The loops for any processor.
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "host/arithmetic/exponential_method.h"
#include "host/kernels/simd/partial_vectors.h"
#include "host/kernels/simd/simd_loops.h"

namespace nnapi::host {
namespace {

struct Isa : CopiedParts {
  static constexpr int kLanes = 4, kGroup = 1;
  static constexpr bool kHalves = false, kSignedInputs = false;
  static constexpr int kFloatInputs = 1, kInputGroups = 1;
  static constexpr int kRealRows[] = {6, 4}, kByteRows[] = {6, 4};
  typedef int8_t Narrow __attribute__((vector_size(4)));
  typedef int32_t Weights __attribute__((vector_size(16)));

  typedef double Doubles __attribute__((vector_size(16)));
  static Doubles load_doubles(const float* from) { return Doubles{from[0], from[1]}; }

  static Weights load_weights(const int8_t* p) {
    Narrow narrow;
    std::memcpy(&narrow, p, sizeof narrow);
    return __builtin_convertvector(narrow, Weights);
  }
  static Weights inputs(const uint8_t* p) { return *p - Weights{}; }
  static Weights inputs_end(const uint8_t* p, int, int64_t) { return inputs(p); }
  static Weights flips(uint8_t flip) { return flip - Weights{}; }
  static Weights dot(Weights sum, Weights weights, Weights inputs) {
    return sum + weights * inputs;
  }
  typedef float Reals __attribute__((vector_size(16)));
  typedef int32_t Ints __attribute__((vector_size(16)));
  using Numbers = PlainNumbers<Reals, Ints>;
  static void keep_rounding(Reals& v) { asm("" : "+m"(v)); }
  template <int V>
  struct ByteStore;
};

}  // namespace
}  // namespace nnapi::host

#include "host/kernels/simd/loop_table.h"
// After them:
#include "host/kernels/simd/plain_byte_store.h"

namespace nnapi::host {

constinit const TileLoops kPortableLoops = loops_of_all("portable");

}  // namespace nnapi::host
