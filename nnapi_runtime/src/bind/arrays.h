// Python's arrays and the loader's: views of the one as the other, and memory that numpy takes
// over.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <vector>

#include "bind/buffer.h"
#include "loader/executor.h"

namespace nnapi::bind {

// "input 3", for messages.
std::string numbered(const char* noun, size_t number);

// The model's view of an input or output: shape with None where free, or None altogether.
nanobind::object shape_of(const loader::Border& border);

// Input `i`. Throws ArgumentError where no NNAPI operand can be like it.
loader::ConstArray array_of(const Buffer& buffer, size_t i);

// Memory for outputs, aligned for any vector instruction.
using Memory = std::unique_ptr<void, void (*)(void*)>;

// For output `i`.
Memory allocate(size_t i, size_t bytes);

nanobind::object to_numpy(Memory memory, loader::Element element,
                          const std::vector<uint32_t>& dims);

}  // namespace nnapi::bind
