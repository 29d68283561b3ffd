#include "bind/buffer.h"

#include <string>

#include "loader/error.h"

namespace nnapi::bind {

Buffer::Buffer(nanobind::handle object, const char* what, bool writable) {
  const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
  if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) {
    const nanobind::python_error error;
    throw loader::ArgumentError(
        std::string(what) + " must be a C-contiguous " + (writable ? "writable " : "") +
        "array or bytes-like object: " + nanobind::str(error.value()).c_str());
  }
}

loader::Element Buffer::element() const {
  using Kind = loader::ElementKind;
  std::string format = view_.format != nullptr ? view_.format : "B";
  if (format.size() == 2 && (format[0] == '@' || format[0] == '=' || format[0] == '<')) {
    format.erase(0, 1);
  }
  if (format.size() != 1) return {};
  const auto size = static_cast<uint32_t>(view_.itemsize);
  if (std::string("bhilq").find(format) != std::string::npos) return {Kind::kInt, size};
  if (std::string("BHILQ").find(format) != std::string::npos) return {Kind::kUint, size};
  if (std::string("efd").find(format) != std::string::npos) return {Kind::kFloat, size};
  if (format == "?") return {Kind::kBool, size};
  return {};
}

}  // namespace nnapi::bind
