#include "session/sizes/size.h"

#include <algorithm>
#include <iterator>

#include "session/tensor/shape_text.h"

namespace nnapi::session {

using loader::ArgumentError;
using loader::ModelError;

namespace {

constexpr int64_t kInt32Min = INT32_MIN, kInt32Max = INT32_MAX;

// "rows is 3, columns is 4", of the sizes in some expressions.
std::string known_text(const std::set<size_t>& indices, const KnownSizes& sizes) {
  std::vector<std::string> texts;
  for (const size_t i : indices) {
    texts.push_back(sizes.names->names[i] + " is " + std::to_string(sizes.numbers[i].value_or(0)));
  }
  std::sort(texts.begin(), texts.end());
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "" : ", ") + text;
  return joined;
}

bool compared(int64_t left, const std::string& comparison, int64_t right) {
  if (comparison == "==") return left == right;
  if (comparison == "!=") return left != right;
  if (comparison == "<") return left < right;
  if (comparison == "<=") return left <= right;
  if (comparison == ">") return left > right;
  return left >= right;
}

}  // namespace

Size Size::parse(const Field& field) {
  Size size;
  size.name = field["name"].text();
  size.least = field["min"].integer(0, kInt32Max);
  size.most = field["max"].integer_or_null(0, kInt32Max);
  size.of = field["of"].text();
  size.dim = static_cast<size_t>(field["dim"].integer(0, 255));
  size.factor = field["factor"].integer(1, kInt32Max);
  size.offset = field["offset"].integer(kInt32Min, kInt32Max);
  size.example = field["example"].integer(0, kInt32Max);
  return size;
}

int64_t Size::given_by(std::span<const int64_t> shape) const {
  if (dim >= shape.size()) {
    throw ModelError("'" + name + "' is dimension " + std::to_string(dim) + " of '" + of +
                     "' of shape " + shape_text(shape));
  }
  const int64_t given = shape[dim];
  const int64_t whole = given - offset;
  if (whole % factor != 0) {
    throw ArgumentError("dimension " + std::to_string(dim) + " of '" + of + "' is " +
                        std::to_string(given) + "; it must be " + formula());
  }
  const int64_t number = whole / factor;
  if (number < least || (most && number > *most)) {
    const std::string explained =
        factor == 1 && offset == 0 ? "" : " (" + std::to_string(given) + " is " + formula() + ")";
    throw ArgumentError(name + " is " + std::to_string(number) + ", from dimension " +
                        std::to_string(dim) + " of '" + of + "'" + explained + "; it must be " +
                        range_text());
  }
  return number;
}

std::string Size::range_text() const {
  if (!most) return "at least " + std::to_string(least);
  return "from " + std::to_string(least) + " to " + std::to_string(*most);
}

std::string Size::formula() const {
  const std::string text = factor == 1 ? name : std::to_string(factor) + " * " + name;
  return offset == 0 ? text : text + " + " + std::to_string(offset);
}

Relation Relation::parse(const Field& field, const SizeNames& names) {
  static constexpr const char* kComparisons[] = {"==", "!=", "<", "<=", ">", ">="};
  const auto items = field.items(3);
  const bool fits = items.size() == 3 && std::find(std::begin(kComparisons), std::end(kComparisons),
                                                   items[0].view()) != std::end(kComparisons);
  if (!fits) throw field.refuse("one of ==, !=, <, <=, >, >= and two expressions");
  return {items[0].text(), Expression::parse(items[1], names), Expression::parse(items[2], names)};
}

void Relation::check(const KnownSizes& sizes) const {
  if (compared(left.at(sizes), comparison, right.at(sizes))) return;
  std::set<size_t> named;
  left.add_sizes(named);
  right.add_sizes(named);
  throw ArgumentError("the sizes must be so that " + left.text(*sizes.names) + " " + comparison +
                      " " + right.text(*sizes.names) + "; " + known_text(named, sizes));
}

void check_dims(const std::string& name, std::span<const int64_t> shape, const Dims& dims,
                const KnownSizes& sizes) {
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t wanted = dims[i].at(sizes);
    if (shape[i] == wanted) continue;
    std::set<size_t> named;
    dims[i].add_sizes(named);
    throw ArgumentError("dimension " + std::to_string(i) + " of '" + name + "' is " +
                        std::to_string(shape[i]) + "; it must be " + dims[i].text(*sizes.names) +
                        ", which is " + std::to_string(wanted) + " (" + known_text(named, sizes) +
                        ")");
  }
}

}  // namespace nnapi::session
