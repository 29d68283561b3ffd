// Parts of vectors for instruction sets that cannot mask a load or a store. Included within the
// target region of such a set, before its struct Isa.
#pragma once

#include <cstdint>
#include <cstring>

namespace nnapi::host {
namespace {

struct CopiedParts {
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
};

}  // namespace
}  // namespace nnapi::host
