#include "bind/python_values.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cstring>

#include "bind/gil.h"
#include "bind/torch_exchange.h"
#include "loader/error.h"

namespace nb = nanobind;

namespace nnapi::bind {

using loader::ArgumentError;
using session::DType;
using session::Value;

namespace {

nb::object tensors_module() { return nb::module_::import_("nnapi_runtime.tensors"); }

// Of the buffer protocol's formats, those that numpy uses for plain elements in this machine's
// order.
std::optional<DType> dtype_of(const char* format, Py_ssize_t size) {
  using loader::ElementKind;
  if (format == nullptr) return DType::kUint8;
  if (*format == '@' || *format == '=' || *format == '<') ++format;
  const auto element = [&](ElementKind kind) {
    return session::dtype_of(loader::Element{kind, static_cast<uint32_t>(size)});
  };
  if (format[0] == 'Z' && (format[1] == 'f' || format[1] == 'd') && format[2] == '\0') {
    return format[1] == 'f' ? DType::kComplex64 : DType::kComplex128;
  }
  if (format[0] == '\0' || format[1] != '\0') return {};
  if (std::strchr("bhilq", format[0]) != nullptr) return element(ElementKind::kInt);
  if (std::strchr("BHILQ", format[0]) != nullptr) return element(ElementKind::kUint);
  if (std::strchr("efd", format[0]) != nullptr) return element(ElementKind::kFloat);
  if (format[0] == '?') return element(ElementKind::kBool);
  return {};
}

}  // namespace

std::string text_of(nb::handle object) {
  const nb::str text(object);
  const auto bytes = nb::steal(PyUnicode_AsEncodedString(text.ptr(), "utf-8", "backslashreplace"));
  if (!bytes.is_valid()) nb::raise_python_error();
  return {PyBytes_AsString(bytes.ptr()), static_cast<size_t>(PyBytes_Size(bytes.ptr()))};
}

std::shared_ptr<PythonObject> PythonObject::borrowed(nb::handle object) {
  return std::shared_ptr<PythonObject>(new PythonObject(object, false));
}

std::shared_ptr<PythonObject> PythonObject::owned(nb::object object) {
  return std::shared_ptr<PythonObject>(new PythonObject(object.release(), true));
}

PythonObject::~PythonObject() {
  if (!owned_) return;
  const GilAcquired locked;
  object_.dec_ref();
}

ValueReader::~ValueReader() {
  for (Py_buffer& view : views_) PyBuffer_Release(&view);
}

bool is_array(nb::handle object) {
  static PyTypeObject* const type = reinterpret_cast<PyTypeObject*>(
      nb::object(nb::module_::import_("numpy").attr("ndarray")).release().ptr());
  return PyObject_TypeCheck(object.ptr(), type);
}

Value ValueReader::read(nb::handle object, const std::string& what) {
  if (!is_tensor(object)) return read_array(object, what);
  saw_tensor_ = true;
  Value value;
  if (!read_tensor(object, value)) value = read_slowly(object, what);
  value.foreign = PythonObject::borrowed(object);
  return value;
}

Value ValueReader::read_array(nb::handle array, const std::string& what) {
  Py_buffer view;
  std::optional<DType> dtype;
  if (PyObject_GetBuffer(array.ptr(), &view, PyBUF_STRIDES | PyBUF_FORMAT) == 0) {
    views_.push_back(view);
    dtype = dtype_of(view.format, view.itemsize);
  } else {
    PyErr_Clear();
  }
  if (!dtype) {
    throw ArgumentError(what + " is of " + text_of(nb::object(array.attr("dtype"))) +
                        ", which torch has not");
  }
  Value value;
  value.dtype = *dtype;
  value.data = static_cast<const std::byte*>(view.buf);
  value.shape.assign(view.shape, view.shape + view.ndim);
  for (int i = 0; i < view.ndim; ++i) {
    if (view.strides[i] % view.itemsize != 0) {
      // A field of records, say.
      nb::object copy = nb::module_::import_("numpy").attr("ascontiguousarray")(array);
      held_.push_back(copy);
      Value copied = read_array(copy, what);
      copied.foreign = PythonObject::borrowed(array);
      return copied;
    }
    value.strides.push_back(view.strides[i] / view.itemsize);
  }
  value.foreign = PythonObject::borrowed(array);
  return value;
}

// Tensors on devices and the like, by torch itself.
Value ValueReader::read_slowly(nb::handle tensor, const std::string& what) {
  const nb::tuple described = nb::cast<nb::tuple>(tensors_module().attr("described")(tensor));
  held_.push_back(described);
  const auto name = nb::cast<std::string>(described[0]);
  const auto dtype = session::dtype_of(name);
  if (!dtype) throw ArgumentError(what + " is of " + name + ", which nothing here has");
  Value value = read_array(described[1], what);
  value.dtype = *dtype;
  if (!described[2].is_none()) {
    value.quantisation =
        session::Quantisation{nb::cast<double>(described[2]), nb::cast<int64_t>(described[3]),
                              nb::cast<bool>(described[4])};
  }
  return value;
}

nb::dlpack::dtype dlpack_dtype(DType dtype);

nb::object new_array(const Value& value) {
  const nb::dlpack::dtype dtype = dlpack_dtype(session::stored_as(value.dtype));
  using Code = nb::dlpack::dtype_code;
  const auto code = static_cast<Code>(dtype.code);
  const bool numeric = code == Code::Bool || code == Code::Int || code == Code::UInt ||
                       code == Code::Float || (code == Code::Complex && dtype.bits > 32);
  if (!numeric) {
    throw ArgumentError(std::string("a result is of ") + session::name_of(value.dtype) +
                        ", which numpy has not; give the arguments as torch tensors");
  }
  std::vector<size_t> shape(value.shape.begin(), value.shape.end());
  auto* owner = new std::shared_ptr<const void>(value.owner);
  nb::capsule capsule(
      owner, [](void* one) noexcept { delete static_cast<std::shared_ptr<const void>*>(one); });
  const nb::ndarray<nb::numpy> array(const_cast<std::byte*>(value.data), shape.size(), shape.data(),
                                     capsule, value.strides.data(), dtype);
  return nb::cast(array);
}

nb::object to_python(const Value& value, bool as_tensor) {
  if (value.foreign != nullptr) {
    const nb::handle object = static_cast<const PythonObject&>(*value.foreign).object();
    if (is_tensor(object) == as_tensor) return nb::borrow(object);
    return tensors_module().attr(as_tensor ? "to_tensor" : "to_array")(object);
  }
  Value kept = value;
  if (kept.owner == nullptr) {
    // The caller's memory, without the object that it is of.
    kept.strides = session::contiguous_strides(kept.shape);
    const auto memory = session::new_memory(
        static_cast<size_t>(kept.count()) * session::element_of(kept.dtype).size, "a value");
    session::copy_contiguous(value, memory.get());
    kept.data = memory.get();
    kept.owner = memory;
  }
  if (!as_tensor) return new_array(kept);
  nb::object tensor = new_tensor(kept);
  if (tensor.is_none()) tensor = tensors_module().attr("to_tensor")(new_array(kept));
  if (!kept.quantisation || !session::is_quantised(kept.dtype)) return tensor;
  return tensors_module().attr("quantised")(tensor, kept.quantisation->scale,
                                            kept.quantisation->zero_point);
}

}  // namespace nnapi::bind
