#include "session/border/check_and_convert.h"

#include <algorithm>
#include <limits>
#include <string>

#include "loader/error.h"
#include "session/tensor/shape_text.h"

namespace nnapi::session {

using loader::ArgumentError;
using loader::ModelError;

namespace {

// NNAPI's scales are float32.
bool same_quantisation(const BorderSpec& border, double scale, int64_t zero_point) {
  return static_cast<float>(border.scale) == static_cast<float>(scale) &&
         border.zero_point == zero_point;
}

bool agree(std::span<const int64_t> ours, std::span<const int64_t> theirs) {
  return std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                    [](int64_t a, int64_t b) { return a < 0 || b < 0 || a == b; });
}

std::string steps_text(double scale, int64_t zero_point) {
  return number_text(scale) + ", zero point " + std::to_string(zero_point);
}

}  // namespace

Crossing::Crossing(const BorderSpec& border, const loader::Border& operand)
    : border_(border),
      operand_(operand),
      array_dtype_(stored_as(border.dtype)),
      operand_dtype_(*dtype_of(operand.element)) {
  const auto disagree = [&](const std::string& manifest, const std::string& words) {
    return ModelError("value '" + printable(border.value) + "' has " + manifest +
                      " in the manifest, but " + words + " in the model");
  };
  if (border.type != operand.type) {
    throw disagree("operand type " + std::to_string(border.type), std::to_string(operand.type));
  }
  if (!same_quantisation(border, operand.scale, operand.zero_point)) {
    throw disagree("scale " + steps_text(border.scale, border.zero_point),
                   number_text(operand.scale) + ", " + std::to_string(operand.zero_point));
  }
  if (!convertible(array_dtype_, operand_dtype_)) {
    throw disagree(std::string("dtype ") + name_of(border.dtype), name_of(operand_dtype_));
  }
  std::vector<int64_t> physical;
  for (const size_t axis : border.order) physical.push_back(border.shape[axis]);
  if (!operand.any_rank) {
    std::vector<int64_t> theirs;
    for (const uint32_t dim : operand.dims) theirs.push_back(dim == 0 ? -1 : int64_t{dim});
    std::vector<int64_t> ours = physical;
    if (physical.empty() && !theirs.empty()) {
      scalar_ = true;
      ours = {1};
    } else if (theirs.size() < physical.size()) {
      merged_ = physical.size() - theirs.size() + 1;
      int64_t product = 1;
      for (size_t i = 0; i < std::min(merged_, ours.size()); ++i) {
        if (ours[i] < 0 || product < 0 || __builtin_mul_overflow(product, ours[i], &product)) {
          product = -1;
        }
      }
      ours.erase(ours.begin(),
                 ours.begin() + static_cast<ptrdiff_t>(std::min(merged_, ours.size())));
      ours.insert(ours.begin(), product);
    }
    if (!agree(ours, theirs)) {
      throw disagree("shape " + shape_text(ours), shape_text(theirs));
    }
  }
  same_elements_ = element_of(array_dtype_).same_data(element_of(operand_dtype_));
  same_order_ = std::is_sorted(border.order.begin(), border.order.end());
}

std::vector<uint32_t> Crossing::operand_dims(std::span<const int64_t> physical) const {
  if (scalar_) return {1};
  std::vector<uint32_t> dims;
  uint64_t leading = 1;
  bool fits = true;
  for (size_t i = 0; i < physical.size(); ++i) {
    uint64_t dim = static_cast<uint64_t>(physical[i]);
    if (i < merged_) {
      fits = fits && !__builtin_mul_overflow(leading, dim, &leading);
      if (i + 1 < merged_) continue;
      dim = leading;
    }
    fits = fits && dim <= std::numeric_limits<uint32_t>::max();
    dims.push_back(static_cast<uint32_t>(dim));
  }
  if (!fits) {
    throw ArgumentError("'" + border_.value + "' has a dimension of 2^32 or more");
  }
  return dims;
}

Crossing::Operand Crossing::into(const Value& value) const {
  if (value.quantisation) check_quantisation(border_, value);
  if (value.shape.size() != border_.order.size()) {
    throw ArgumentError("'" + border_.value + "' has shape " + shape_text(value.shape) +
                        "; the model takes " + std::to_string(border_.order.size()) +
                        " dimensions");
  }
  const DType given = stored_as(value.dtype);
  if (!convertible(given, operand_dtype_)) {
    throw ArgumentError("'" + border_.value + "' is " + name_of(value.dtype) +
                        "; the model takes " + name_of(border_.dtype));
  }
  Value permuted;
  permuted.dtype = given;
  permuted.data = value.data;
  permuted.owner = value.owner;
  permuted.shape.reserve(border_.order.size());
  permuted.strides.reserve(border_.order.size());
  for (const size_t axis : border_.order) {
    permuted.shape.push_back(value.shape[axis]);
    permuted.strides.push_back(value.strides[axis]);
  }
  const bool same = element_of(given).same_data(element_of(operand_dtype_));
  const uint32_t size = element_of(operand_dtype_).size;
  const bool aligned = reinterpret_cast<uintptr_t>(value.data) % size == 0;
  if (same && aligned && permuted.is_contiguous()) {
    return {{permuted.data, operand_.element, operand_dims(permuted.shape)}, permuted.owner};
  }
  const auto count = static_cast<size_t>(permuted.count());
  const auto memory = new_memory(count * size, "an input");
  if (same) {
    copy_contiguous(permuted, memory.get());
  } else {
    const Value source = contiguous(permuted);
    const auto wrong = convert(source.data, given, memory.get(), operand_dtype_, count);
    if (wrong) {
      const bool is_signed = operand_.element.kind == loader::ElementKind::kInt;
      const int64_t top = (int64_t{1} << (8 * size - (is_signed ? 1 : 0))) - 1;
      throw ArgumentError("'" + border_.value + "' holds " + *wrong + ", which NNAPI's " +
                          name_of(operand_dtype_) + " cannot; its values must be from " +
                          std::to_string(is_signed ? -top - 1 : 0) + " to " + std::to_string(top));
    }
  }
  return {{memory.get(), operand_.element, operand_dims(permuted.shape)}, memory};
}

// What the operand's dimensions are to torch, still in NNAPI's order.
std::vector<int64_t> Crossing::torch_shape(std::span<const uint32_t> dims) const {
  if (scalar_) return {};
  std::vector<int64_t> shape(dims.begin(), dims.end());
  if (merged_ == 0) return shape;
  // The leading one is several: all but one of which the manifest must know.
  int64_t known = 1;
  std::optional<size_t> unknown;
  std::vector<int64_t> leading;
  for (size_t i = 0; i < merged_; ++i) {
    leading.push_back(border_.shape[border_.order[i]]);
    if (leading.back() >= 0) {
      known *= leading.back();
    } else if (unknown) {
      throw ModelError("'" + border_.value + "' has several free dimensions that NNAPI has as one");
    } else {
      unknown = i;
    }
  }
  if (unknown) leading[*unknown] = known == 0 ? 0 : shape[0] / known;
  if (unknown) known *= leading[*unknown];
  if (known != shape[0]) {
    throw ModelError("'" + border_.value + "' came out with a dimension of " +
                     std::to_string(shape[0]) + ", which the manifest does not know");
  }
  shape.erase(shape.begin());
  shape.insert(shape.begin(), leading.begin(), leading.end());
  return shape;
}

Value Crossing::out_of(std::shared_ptr<std::byte> operand, std::span<const uint32_t> dims) const {
  const std::vector<int64_t> physical = torch_shape(dims);
  const size_t rank = border_.order.size();
  if (physical.size() != rank) {
    throw ModelError("'" + border_.value + "' came out with " + std::to_string(physical.size()) +
                     " dimensions; the manifest has " + std::to_string(rank));
  }
  const std::vector<int64_t> strides = contiguous_strides(physical);
  Value value;
  value.dtype = border_.dtype;
  value.shape.resize(rank);
  value.strides.resize(rank);
  for (size_t i = 0; i < rank; ++i) {
    value.shape[border_.order[i]] = physical[i];
    value.strides[border_.order[i]] = strides[i];
  }
  if (is_quantised(border_.dtype)) {
    value.quantisation = Quantisation{border_.scale, border_.zero_point, false};
  }
  if (same_elements_) {
    value.data = operand.get();
    value.owner = std::move(operand);
    return value;
  }
  const auto count = static_cast<size_t>(value.count());
  const auto memory = new_memory(count * element_of(array_dtype_).size, "an output");
  const auto wrong = convert(operand.get(), operand_dtype_, memory.get(), array_dtype_, count);
  if (wrong) {
    throw ModelError("'" + border_.value + "' came out with " + *wrong + ", which " +
                     name_of(border_.dtype) + " cannot hold");
  }
  value.data = memory.get();
  value.owner = memory;
  return value;
}

void check_quantisation(const BorderSpec& border, const Value& value) {
  if (!value.quantisation) return;
  const Quantisation& given = *value.quantisation;
  if (given.per_channel) {
    throw ArgumentError("'" + border.value + "' is quantised per channel, not per tensor");
  }
  if (!same_quantisation(border, given.scale, given.zero_point)) {
    throw ArgumentError("'" + border.value + "' is quantised with scale " +
                        number_text(given.scale) + " and zero point " +
                        std::to_string(given.zero_point) + "; the model takes " +
                        number_text(border.scale) + " and " + std::to_string(border.zero_point));
  }
}

}  // namespace nnapi::session
