// The loops for any processor.
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "host/exponential_method.h"
#include "host/kernels/simd/tile.h"

namespace nnapi::host {
namespace {

struct Isa {
  static constexpr int kLanes = 4, kGroup = 1;
  static constexpr bool kHalves = false;
  static constexpr int kRealRows[] = {6, 4}, kStepRows[] = {6, 4};
  typedef int8_t Narrow __attribute__((vector_size(4)));
  typedef int32_t Weights __attribute__((vector_size(16)));

  template <class V, class T>
  static V load_part(const T* from, int64_t n) {
    V v = {};
    std::memcpy(&v, from, static_cast<size_t>(n) * sizeof(T));
    return v;
  }
  template <class T, class V>
  static void store_part(T* to, V v, int64_t n) {
    std::memcpy(to, &v, static_cast<size_t>(n) * sizeof(T));
  }

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
  struct StepStore;
};

}  // namespace
}  // namespace nnapi::host

#include "host/kernels/simd/loop_table.h"
// After them:
#include "host/kernels/simd/plain_step_store.h"

namespace nnapi::host {
namespace {

template <int V>
struct Isa::StepStore : PlainStepStore<V> {
  using PlainStepStore<V>::PlainStepStore;
};

}  // namespace
}  // namespace nnapi::host

namespace nnapi::host {

constinit const TileLoops kPortableLoops = loops_of_all("portable");

}  // namespace nnapi::host
