// A tensor on its way through a session: a view of memory, and what keeps that alive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "session/tensor/dtype.h"

namespace nnapi::session {

// What somebody else has a tensor in: a Python object, say. Its owner finds it again in the value.
class Foreign {
 public:
  virtual ~Foreign() = default;
};

// Of a quantised tensor.
struct Quantisation {
  double scale = 0.0;
  int64_t zero_point = 0;
  bool per_channel = false;
};

struct Value {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;  // in elements
  const std::byte* data = nullptr;
  std::shared_ptr<const void> owner;  // null: whoever gave the value keeps it
  std::shared_ptr<Foreign> foreign;
  std::optional<Quantisation> quantisation;

  int64_t count() const;  // of elements
  bool is_contiguous() const;
};

// Strides of a tensor without gaps, in elements.
std::vector<int64_t> contiguous_strides(std::span<const int64_t> shape);

// Memory aligned for any vector instruction. Throws CallError (OUT_OF_MEMORY), which names `what`.
std::shared_ptr<std::byte> new_memory(size_t bytes, const char* what);

// The elements of `value` to `target`, where they get `strides` (in elements); without strides in
// row-major order and without gaps.
void copy_elements(const Value& value, std::byte* target, std::span<const int64_t> strides);
void copy_contiguous(const Value& value, std::byte* target);
// The same tensor without gaps: itself, or a copy.
Value contiguous(const Value& value);
// In memory of its own, row-major: whoever gets it may write into it.
Value copied(const Value& value);

// Converts `count` elements between integers of different widths, or floats. Of integers all must
// fit: else the first of the extremes that does not is returned as the text of its number.
bool convertible(DType from, DType to);
std::optional<std::string> convert(const std::byte* from, DType from_type, std::byte* to,
                                   DType to_type, size_t count);

}  // namespace nnapi::session
