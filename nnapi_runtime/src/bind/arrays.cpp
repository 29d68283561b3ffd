#include "bind/arrays.h"

#include <nanobind/ndarray.h>

#include <cstdlib>
#include <limits>

#include "loader/error.h"

namespace nb = nanobind;

namespace nnapi::bind {

using loader::ArgumentError;
using loader::Border;
using loader::ConstArray;
using loader::Element;
using loader::ElementKind;

namespace {

nb::dlpack::dtype dtype_of(Element element) {
  using Code = nb::dlpack::dtype_code;
  Code code = Code::Float;
  if (element.kind == ElementKind::kInt) code = Code::Int;
  if (element.kind == ElementKind::kUint) code = Code::UInt;
  if (element.kind == ElementKind::kBool) code = Code::Bool;
  return {static_cast<uint8_t>(code), static_cast<uint8_t>(8 * element.size), 1};
}

}  // namespace

std::string numbered(const char* noun, size_t number) {
  return std::string(noun) + " " + std::to_string(number);
}

nb::object shape_of(const Border& border) {
  if (border.any_rank) return nb::none();
  nb::list shape;
  for (uint32_t dim : border.dims) {
    if (dim == 0) {
      shape.append(nb::none());
    } else {
      shape.append(dim);
    }
  }
  return nb::tuple(shape);
}

ConstArray array_of(const Buffer& buffer, size_t i) {
  ConstArray array{buffer.data(), buffer.element(), {}};
  for (Py_ssize_t dim : buffer.shape()) {
    if (static_cast<uint64_t>(dim) > std::numeric_limits<uint32_t>::max()) {
      throw ArgumentError(numbered("input", i) + " has a dimension of 2^32 or more");
    }
    array.dims.push_back(static_cast<uint32_t>(dim));
  }
  if (array.element.size > 1 && reinterpret_cast<uintptr_t>(array.data) % array.element.size != 0) {
    throw ArgumentError(numbered("input", i) + " is not aligned to its elements");
  }
  return array;
}

Memory allocate(size_t i, size_t bytes) {
  Memory memory(std::aligned_alloc(64, (bytes + 64) / 64 * 64), std::free);
  if (memory == nullptr) {
    throw loader::CallError(ANEURALNETWORKS_OUT_OF_MEMORY, "aligned_alloc", {},
                            "there is no memory for the " + std::to_string(bytes) + " bytes of " +
                                numbered("output", i));
  }
  return memory;
}

nb::object to_numpy(Memory memory, Element element, const std::vector<uint32_t>& dims) {
  const std::vector<size_t> shape(dims.begin(), dims.end());
  void* data = memory.get();
  nb::capsule owner(data, [](void* p) noexcept { std::free(p); });
  memory.release();
  nb::ndarray<nb::numpy> array(data, shape.size(), shape.data(), owner, nullptr, dtype_of(element));
  return nb::cast(array);
}

}  // namespace nnapi::bind
