#include "session/tensor/dtype.h"

#include <array>

namespace nnapi::session {
namespace {

using loader::Element;
using loader::ElementKind;

struct Described {
  DType dtype;
  const char* name;
  Element element;
  DType stored;
};

constexpr Described plain(DType dtype, const char* name, ElementKind kind, uint32_t size) {
  return {dtype, name, {kind, size}, dtype};
}

// In the order of DType.
constexpr std::array kDescribed = {
    plain(DType::kBool, "bool", ElementKind::kBool, 1),
    plain(DType::kUint8, "uint8", ElementKind::kUint, 1),
    plain(DType::kInt8, "int8", ElementKind::kInt, 1),
    plain(DType::kUint16, "uint16", ElementKind::kUint, 2),
    plain(DType::kInt16, "int16", ElementKind::kInt, 2),
    plain(DType::kUint32, "uint32", ElementKind::kUint, 4),
    plain(DType::kInt32, "int32", ElementKind::kInt, 4),
    plain(DType::kUint64, "uint64", ElementKind::kUint, 8),
    plain(DType::kInt64, "int64", ElementKind::kInt, 8),
    plain(DType::kFloat16, "float16", ElementKind::kFloat, 2),
    plain(DType::kFloat32, "float32", ElementKind::kFloat, 4),
    plain(DType::kFloat64, "float64", ElementKind::kFloat, 8),
    Described{DType::kQuint8, "quint8", {ElementKind::kUint, 1}, DType::kUint8},
    Described{DType::kQint8, "qint8", {ElementKind::kInt, 1}, DType::kInt8},
    Described{DType::kQint32, "qint32", {ElementKind::kInt, 4}, DType::kInt32},
    plain(DType::kBfloat16, "bfloat16", ElementKind::kNone, 2),
    plain(DType::kComplex32, "complex32", ElementKind::kNone, 4),
    plain(DType::kComplex64, "complex64", ElementKind::kNone, 8),
    plain(DType::kComplex128, "complex128", ElementKind::kNone, 16),
    plain(DType::kFloat8E4m3fn, "float8_e4m3fn", ElementKind::kNone, 1),
    plain(DType::kFloat8E4m3fnuz, "float8_e4m3fnuz", ElementKind::kNone, 1),
    plain(DType::kFloat8E5m2, "float8_e5m2", ElementKind::kNone, 1),
    plain(DType::kFloat8E5m2fnuz, "float8_e5m2fnuz", ElementKind::kNone, 1),
    plain(DType::kFloat8E8m0fnu, "float8_e8m0fnu", ElementKind::kNone, 1),
};

const Described& described(DType dtype) { return kDescribed[static_cast<size_t>(dtype)]; }

}  // namespace

std::optional<DType> dtype_of(std::string_view name) {
  for (const Described& one : kDescribed) {
    if (name == one.name) return one.dtype;
  }
  return {};
}

const char* name_of(DType dtype) { return described(dtype).name; }
DType stored_as(DType dtype) { return described(dtype).stored; }
Element element_of(DType dtype) { return described(dtype).element; }

std::optional<DType> dtype_of(Element element) {
  for (const Described& one : kDescribed) {
    if (element.holds_data() && one.element.same_data(element) && one.stored == one.dtype) {
      return one.dtype;
    }
  }
  return {};
}

}  // namespace nnapi::session
