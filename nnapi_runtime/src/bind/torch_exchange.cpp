#include "bind/torch_exchange.h"

#include <memory>
#include <utility>

#include "loader/error.h"

namespace nb = nanobind;

namespace nnapi::bind {
namespace {

using session::DType;
using session::Value;
using Code = nb::dlpack::dtype_code;

struct Version {
  uint32_t major = 1, minor = 1;
};

// DLPack's DLManagedTensorVersioned: a tensor and how it is let go.
struct ManagedTensor {
  Version version;
  void* context = nullptr;
  void (*deleter)(ManagedTensor*) = nullptr;
  uint64_t flags = 0;
  nb::dlpack::dltensor tensor;
};

// And DLPackExchangeAPI, what a framework's type has as `__dlpack_c_exchange_api__`.
struct ExchangeTable {
  Version version;
  ExchangeTable* previous;
  void* allocate;
  int (*managed_from_object)(void* object, ManagedTensor** out);
  int (*managed_to_object)(ManagedTensor* tensor, void** out);
  int (*tensor_from_object)(void* object, nb::dlpack::dltensor* out);
  void* work_stream;
};

struct Torch {
  PyTypeObject* tensor_type = nullptr;
  const ExchangeTable* table = nullptr;  // null: this torch has none
};

const Torch& torch() {
  static Torch found;
  if (found.tensor_type != nullptr) return found;
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "torch");
  if (module == nullptr || module == Py_None) return found;
  PyObject* type = PyObject_GetAttrString(module, "Tensor");  // kept for ever
  if (type == nullptr) {
    PyErr_Clear();  // torch is being imported
    return found;
  }
  if (PyObject* capsule = PyObject_GetAttrString(type, "__dlpack_c_exchange_api__")) {
    const auto* table =
        static_cast<const ExchangeTable*>(PyCapsule_GetPointer(capsule, "dlpack_exchange_api"));
    Py_DECREF(capsule);
    if (table != nullptr && table->version.major == 1 && table->tensor_from_object != nullptr) {
      found.table = table;
    }
  }
  PyErr_Clear();
  found.tensor_type = reinterpret_cast<PyTypeObject*>(type);
  return found;
}

std::optional<DType> dtype_of(nb::dlpack::dtype dtype) {
  if (dtype.lanes != 1) return {};
  using loader::ElementKind;
  const uint32_t bytes = dtype.bits / 8u;
  switch (static_cast<Code>(dtype.code)) {
    case Code::Int:
      return session::dtype_of(loader::Element{ElementKind::kInt, bytes});
    case Code::UInt:
      return session::dtype_of(loader::Element{ElementKind::kUint, bytes});
    case Code::Float:
      return session::dtype_of(loader::Element{ElementKind::kFloat, bytes});
    case Code::Bool:
      return session::dtype_of(loader::Element{ElementKind::kBool, bytes});
    case Code::Bfloat:
      return DType::kBfloat16;
    case Code::Complex:
      return bytes == 4 ? DType::kComplex32 : bytes == 8 ? DType::kComplex64 : DType::kComplex128;
    case Code::Float8_E4M3FN:
      return DType::kFloat8E4m3fn;
    case Code::Float8_E4M3FNUZ:
      return DType::kFloat8E4m3fnuz;
    case Code::Float8_E5M2:
      return DType::kFloat8E5m2;
    case Code::Float8_E5M2FNUZ:
      return DType::kFloat8E5m2fnuz;
    case Code::Float8_E8M0FNU:
      return DType::kFloat8E8m0fnu;
    default:
      return {};
  }
}

// What is more than a kind of element and its size.
std::optional<Code> special_code(DType dtype) {
  switch (dtype) {
    case DType::kBfloat16:
      return Code::Bfloat;
    case DType::kComplex32:
    case DType::kComplex64:
    case DType::kComplex128:
      return Code::Complex;
    case DType::kFloat8E4m3fn:
      return Code::Float8_E4M3FN;
    case DType::kFloat8E4m3fnuz:
      return Code::Float8_E4M3FNUZ;
    case DType::kFloat8E5m2:
      return Code::Float8_E5M2;
    case DType::kFloat8E5m2fnuz:
      return Code::Float8_E5M2FNUZ;
    case DType::kFloat8E8m0fnu:
      return Code::Float8_E8M0FNU;
    default:
      return {};
  }
}

// A method without arguments that says yes or no.
bool says(nb::handle object, const char* method) { return nb::cast<bool>(object.attr(method)()); }

}  // namespace

bool has_torch() { return torch().tensor_type != nullptr; }

bool is_tensor(nb::handle object) {
  PyTypeObject* type = torch().tensor_type;
  return type != nullptr && PyObject_TypeCheck(object.ptr(), type);
}

bool read_tensor(nb::handle tensor, Value& value) {
  const ExchangeTable* table = torch().table;
  if (table == nullptr) return false;
  nb::dlpack::dltensor view;
  if (table->tensor_from_object(tensor.ptr(), &view) != 0) {
    PyErr_Clear();
    return false;
  }
  const auto dtype = dtype_of(view.dtype);
  if (view.device.device_type != nb::device::cpu::value || !dtype || says(tensor, "is_neg") ||
      says(tensor, "is_conj")) {
    return false;
  }
  value.dtype = *dtype;
  value.shape.assign(view.shape, view.shape + view.ndim);
  if (view.strides != nullptr) {
    value.strides.assign(view.strides, view.strides + view.ndim);
  } else {
    value.strides = session::contiguous_strides(value.shape);
  }
  value.data = static_cast<const std::byte*>(view.data) + view.byte_offset;
  return true;
}

nb::dlpack::dtype dlpack_dtype(DType dtype) {
  const loader::Element element = session::element_of(dtype);
  Code code = special_code(dtype).value_or(Code::Float);
  if (element.kind == loader::ElementKind::kInt) code = Code::Int;
  if (element.kind == loader::ElementKind::kUint) code = Code::UInt;
  if (element.kind == loader::ElementKind::kBool) code = Code::Bool;
  return {static_cast<uint8_t>(code), static_cast<uint8_t>(8 * element.size), 1};
}

nb::object new_tensor(const Value& value) {
  const ExchangeTable* table = torch().table;
  if (table == nullptr) return nb::none();
  struct Held {
    ManagedTensor managed;
    Value value;
  };
  auto held = std::make_unique<Held>();
  held->value = value;
  held->managed.context = held.get();
  held->managed.deleter = [](ManagedTensor* one) { delete static_cast<Held*>(one->context); };
  held->managed.tensor = {const_cast<std::byte*>(value.data),
                          {nb::device::cpu::value, 0},
                          static_cast<int32_t>(value.shape.size()),
                          dlpack_dtype(session::stored_as(value.dtype)),
                          held->value.shape.data(),
                          held->value.strides.data(),
                          0};
  void* object = nullptr;
  if (table->managed_to_object(&held.release()->managed, &object) != 0) nb::raise_python_error();
  return nb::steal(static_cast<PyObject*>(object));
}

}  // namespace nnapi::bind
