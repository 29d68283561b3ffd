// The loops for any processor.
#include <cstdint>
#include <cstring>

namespace nnapi::host {
namespace {

struct Isa {
  static constexpr int kLanes = 4, kRows = 4, kVectors = 2, kGroup = 1;
  typedef int8_t Narrow __attribute__((vector_size(4)));
  typedef int32_t Weights __attribute__((vector_size(16)));

  static Weights load_weights(const int8_t* p) {
    Narrow narrow;
    std::memcpy(&narrow, p, sizeof narrow);
    return __builtin_convertvector(narrow, Weights);
  }
  static Weights inputs(const uint8_t* p) { return *p - Weights{}; }
  static Weights inputs_part(const uint8_t* p, int) { return inputs(p); }
  static Weights flips(uint8_t flip) { return flip - Weights{}; }
  static Weights dot(Weights sum, Weights weights, Weights inputs) {
    return sum + weights * inputs;
  }
};

}  // namespace
}  // namespace nnapi::host

#include "host/kernels/simd/tile_loops.h"

namespace nnapi::host {

const TileLoops kPortableLoops = make_loops("portable");

}  // namespace nnapi::host
