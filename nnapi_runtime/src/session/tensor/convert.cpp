// Conversions of elements, where a border's two sides count with different widths.
#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include "session/tensor/float16.h"
#include "session/tensor/value.h"

namespace nnapi::session {
namespace {

using loader::ElementKind;

// Calls `visit` with a value of the C++ type of the elements.
template <class Visit>
auto with_type(DType dtype, Visit visit) {
  switch (stored_as(dtype)) {
    case DType::kUint8:
      return visit(uint8_t{});
    case DType::kInt8:
      return visit(int8_t{});
    case DType::kUint16:
      return visit(uint16_t{});
    case DType::kInt16:
      return visit(int16_t{});
    case DType::kUint32:
      return visit(uint32_t{});
    case DType::kInt32:
      return visit(int32_t{});
    case DType::kUint64:
      return visit(uint64_t{});
    case DType::kInt64:
      return visit(int64_t{});
    case DType::kFloat16:
      return visit(Float16{});
    case DType::kFloat64:
      return visit(double{});
    default:
      return visit(float{});
  }
}

bool is_integer(DType dtype) {
  const ElementKind kind = element_of(dtype).kind;
  return kind == ElementKind::kInt || kind == ElementKind::kUint;
}

template <class From, class To>
std::optional<std::string> convert_integers(const From* from, To* to, size_t count) {
  From low = from[0], high = from[0];
  for (size_t i = 0; i < count; ++i) {
    low = std::min(low, from[i]);
    high = std::max(high, from[i]);
    to[i] = static_cast<To>(from[i]);
  }
  if (std::cmp_less(low, std::numeric_limits<To>::min())) return std::to_string(low);
  if (std::cmp_greater(high, std::numeric_limits<To>::max())) return std::to_string(high);
  return {};
}

template <class From, class To>
void convert_floats(const From* from, To* to, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<From, Float16>) {
      to[i] = static_cast<To>(from[i].to_float());
    } else if constexpr (std::is_same_v<To, Float16>) {
      to[i] = Float16::of(from[i]);
    } else {
      to[i] = static_cast<To>(from[i]);
    }
  }
}

}  // namespace

bool convertible(DType from, DType to) {
  const loader::Element one = element_of(from), other = element_of(to);
  if (!one.holds_data() || !other.holds_data()) return false;
  if (one.same_data(other)) return true;
  return (is_integer(from) && is_integer(to)) ||
         (one.kind == ElementKind::kFloat && other.kind == ElementKind::kFloat);
}

std::optional<std::string> convert(const std::byte* from, DType from_type, std::byte* to,
                                   DType to_type, size_t count) {
  if (count == 0) return {};
  if (element_of(from_type).same_data(element_of(to_type))) {
    std::memcpy(to, from, count * element_of(from_type).size);
    return {};
  }
  return with_type(from_type, [&](auto source) {
    return with_type(to_type, [&](auto target) -> std::optional<std::string> {
      using From = decltype(source);
      using To = decltype(target);
      constexpr bool kIntegers = std::is_integral_v<From> && std::is_integral_v<To>;
      constexpr bool kFloats = !std::is_integral_v<From> && !std::is_integral_v<To>;
      const auto* first = reinterpret_cast<const From*>(from);
      auto* last = reinterpret_cast<To*>(to);
      if constexpr (kIntegers) return convert_integers(first, last, count);
      if constexpr (kFloats && !std::is_same_v<From, To>) convert_floats(first, last, count);
      return {};
    });
  });
}

}  // namespace nnapi::session
