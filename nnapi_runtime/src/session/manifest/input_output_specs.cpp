#include "session/manifest/input_output_specs.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "session/limits.h"

namespace nnapi::session {
namespace {

Shape parse_shape(const Field& field) {
  Shape shape;
  for (const Field& dim : field.items(limits::kRank)) {
    shape.push_back(dim.integer_or_null(0, int64_t{0xffffffff}).value_or(-1));
  }
  return shape;
}

DType parse_dtype(const Field& field) {
  const auto dtype = dtype_of(field.view());
  if (!dtype) throw field.refuse("a dtype");
  return *dtype;
}

// None where it is not base64, with its padding and nothing else.
std::optional<std::vector<std::byte>> decoded_base64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  static constexpr auto kValues = [] {
    std::array<int8_t, 256> values{};
    values.fill(-1);
    for (size_t i = 0; i < kDigits.size(); ++i) {
      values[static_cast<unsigned char>(kDigits[i])] = static_cast<int8_t>(i);
    }
    return values;
  }();
  if (text.size() % 4 != 0) return {};
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t group = 0;
    const size_t digits = i + 4 == text.size() ? 4 - padding : 4;
    for (size_t k = 0; k < 4; ++k) {
      const int8_t value =
          k < digits ? kValues[static_cast<unsigned char>(text[i + k])] : int8_t{0};
      if (value < 0) return {};
      group = group << 6 | static_cast<uint32_t>(value);
    }
    for (size_t k = 0; k + 1 < digits; ++k) bytes.push_back(std::byte(group >> (16 - 8 * k)));
  }
  return bytes;
}

}  // namespace

TensorSpec TensorSpec::parse(const Field& field, const SizeNames* sizes) {
  TensorSpec spec;
  spec.shape = parse_shape(field["shape"]);
  // Results are as they come out.
  if (sizes != nullptr && !sizes->names.empty()) {
    spec.dims = dims_of(field, *sizes, spec.shape.size());
  }
  spec.name = field["name"].text();
  spec.dtype = parse_dtype(field["dtype"]);
  return spec;
}

Result Result::parse(const Field& field) {
  Result result;
  if (field["name"].is_null()) return result;
  if (const auto into = field.find("into")) {
    result.into = into->text();
  } else if (const auto python = field.find("python")) {
    const std::string_view type = python->view();
    result.number = type == "bool"    ? Number::kBool
                    : type == "int"   ? Number::kInt
                    : type == "float" ? Number::kFloat
                                      : Number::kNone;
    if (result.number == Number::kNone) throw python->refuse("\"bool\", \"int\" or \"float\"");
  }
  result.spec = TensorSpec::parse(field, nullptr);
  return result;
}

StateSpec StateSpec::parse(const Field& field) {
  StateSpec spec;
  spec.tensor = TensorSpec::parse(field, nullptr);
  const Shape& shape = spec.tensor.shape;
  const bool known = std::find(shape.begin(), shape.end(), -1) == shape.end();
  if (!known || is_quantised(spec.tensor.dtype) || !element_of(spec.tensor.dtype).holds_data()) {
    throw field.refuse("a tensor of known shape, of numbers that are not quantised");
  }
  spec.input = field["input"].text();
  spec.output = field["output"].text();
  spec.weight = static_cast<size_t>(field["weight"].integer(0, INT32_MAX));
  return spec;
}

BorderSpec BorderSpec::parse(const Field& field, const SizeNames& sizes) {
  BorderSpec border;
  border.shape = parse_shape(field["shape"]);
  border.value = field["value"].text();
  border.dtype = parse_dtype(field["dtype"]);
  border.type = static_cast<int32_t>(field["type"].integer(INT32_MIN, INT32_MAX));
  border.dims = dims_of(field, sizes, border.shape.size());
  for (const Field& axis : field["order"].items(limits::kRank)) {
    border.order.push_back(static_cast<size_t>(axis.integer(0, 255)));
  }
  border.scale = field["scale"].number();
  border.zero_point = field["zero_point"].integer(INT32_MIN, INT32_MAX);
  std::vector<size_t> sorted = border.order;
  std::sort(sorted.begin(), sorted.end());
  bool permutation = sorted.size() == border.shape.size();
  for (size_t i = 0; permutation && i < sorted.size(); ++i) permutation = sorted[i] == i;
  if (!permutation) {
    throw field["order"].refuse("a permutation of " + std::to_string(border.shape.size()) +
                                " dimensions");
  }
  return border;
}

BorderSpec BorderSpec::at(const KnownSizes& sizes) const {
  if (!dims) return *this;
  BorderSpec border = *this;
  border.shape = shape_at(*dims, sizes);
  border.dims.reset();
  return border;
}

Value parse_constant(const Field& field) {
  Value value;
  value.shape = parse_shape(field["shape"]);
  value.dtype = parse_dtype(field["dtype"]);
  const bool known = std::find(value.shape.begin(), value.shape.end(), -1) == value.shape.end();
  if (!known || is_quantised(value.dtype)) throw field.refuse("a tensor");
  const auto bytes = decoded_base64(field["data"].view());
  if (!bytes) throw field["data"].refuse("base64");
  size_t expected = element_of(value.dtype).size;
  bool fits = true;
  for (const int64_t dim : value.shape) {
    fits = fits && !__builtin_mul_overflow(expected, static_cast<size_t>(dim), &expected);
  }
  if (!fits || bytes->size() != expected) {
    throw field["data"].refuse(std::to_string(expected / element_of(value.dtype).size) +
                               " elements of " + name_of(value.dtype));
  }
  const auto memory = new_memory(bytes->size(), "a constant");
  std::memcpy(memory.get(), bytes->data(), bytes->size());
  value.strides = contiguous_strides(value.shape);
  value.data = memory.get();
  value.owner = memory;
  return value;
}

}  // namespace nnapi::session
