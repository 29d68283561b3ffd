#include "session/sizes/expression.h"

#include <algorithm>
#include <cmath>

#include "session/limits.h"

namespace nnapi::session {

using loader::ModelError;

std::optional<size_t> SizeNames::index(std::string_view name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return {};
  return static_cast<size_t>(found - names.begin());
}

std::string KnownSizes::shown() const {
  std::string text;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (!numbers[i]) continue;
    text += (text.empty() ? "'" : ", '") + names->names[i] + "': " + std::to_string(*numbers[i]);
  }
  return "{" + text + "}";
}

const char* Expression::name_of(Kind kind) {
  switch (kind) {
    case Kind::kAdd:
      return "+";
    case Kind::kMultiply:
      return "*";
    case Kind::kDivide:
      return "//";
    case Kind::kModulo:
      return "%";
    case Kind::kMin:
      return "min";
    case Kind::kMax:
      return "max";
    case Kind::kScaled:
      return "scaled";
    case Kind::kNumber:
    case Kind::kSize:
      break;
  }
  return "";
}

Expression Expression::parse(const Field& field, const SizeNames& names) {
  Expression expression;
  expression.read(field, names, limits::kExpressionDepth, field);
  return expression;
}

void Expression::read(const Field& field, const SizeNames& names, size_t depth,
                      const Field& whole) {
  if (terms_.size() >= limits::kExpressionTerms) {
    throw whole.refuse("an expression of at most " + std::to_string(limits::kExpressionTerms) +
                       " terms");
  }
  if (field.is_text()) {
    const auto index = names.index(field.view());
    if (!index) {
      std::vector<std::string> sorted = names.names;
      std::sort(sorted.begin(), sorted.end());
      std::string listed;
      for (const std::string& name : sorted) listed += (listed.empty() ? "" : ", ") + name;
      throw field.refuse("one of the sizes " + printable(listed));
    }
    terms_.push_back({Kind::kSize, 0, static_cast<int64_t>(*index), 0.0});
    return;
  }
  if (!field.is_list()) {
    terms_.push_back({Kind::kNumber, 0, field.integer(INT64_MIN, INT64_MAX), 0.0});
    return;
  }
  const auto items = field.items(limits::kExpressionTerms);
  const std::string_view name = items.empty() ? "" : items[0].view();
  Kind kind = Kind::kNumber;
  for (const Kind one : {Kind::kAdd, Kind::kMultiply, Kind::kDivide, Kind::kModulo, Kind::kMin,
                         Kind::kMax, Kind::kScaled}) {
    if (name == name_of(one)) kind = one;
  }
  const bool takes_two = kind == Kind::kDivide || kind == Kind::kModulo || kind == Kind::kScaled;
  const bool fits = items.size() == 3 || (items.size() > 1 && !takes_two);
  if (kind == Kind::kNumber || !fits || depth == 0) {
    throw field.refuse("one of +, *, //, %, min, max, scaled and its operands" +
                       (depth == 0 ? ", at most " + std::to_string(limits::kExpressionDepth) +
                                         " inside of each other"
                                   : std::string()));
  }
  Term term{kind, static_cast<uint32_t>(items.size() - 1), 0, 0.0};
  if (kind == Kind::kScaled) {
    term.operands = 1;
    term.factor = items[2].number();
    if (!(term.factor >= 0 && term.factor < 2147483648.0)) {
      throw items[2].refuse("a factor from 0 to 2^31");
    }
  }
  terms_.push_back(term);
  for (uint32_t i = 0; i < term.operands; ++i) read(items[1 + i], names, depth - 1, whole);
}

namespace {

// As Python divides: towards minus infinity.
int64_t floor_divided(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

}  // namespace

int64_t Expression::value(size_t& position, const KnownSizes& sizes) const {
  const Term& term = terms_[position++];
  const auto fail = [&](const char* what) {
    return ModelError(text(*sizes.names) + " " + what + " at " + sizes.shown());
  };
  if (term.kind == Kind::kNumber) return term.number;
  if (term.kind == Kind::kSize) {
    const auto number = sizes.numbers[static_cast<size_t>(term.number)];
    if (!number) {
      throw ModelError("the size '" + sizes.names->names[static_cast<size_t>(term.number)] +
                       "' is not known where " + text(*sizes.names) + " is needed");
    }
    return *number;
  }
  int64_t result = value(position, sizes);
  if (term.kind == Kind::kScaled) {
    // As torch computes sizes by a scale: in float64, and cut off.
    const double scaled = std::trunc(static_cast<double>(result) * term.factor);
    if (!(std::fabs(scaled) < 9.2e18)) throw fail("leaves 64 bits");
    return static_cast<int64_t>(scaled);
  }
  for (uint32_t i = 1; i < term.operands; ++i) {
    const int64_t other = value(position, sizes);
    bool overflow = false;
    switch (term.kind) {
      case Kind::kAdd:
        overflow = __builtin_add_overflow(result, other, &result);
        break;
      case Kind::kMultiply:
        overflow = __builtin_mul_overflow(result, other, &result);
        break;
      case Kind::kMin:
        result = std::min(result, other);
        break;
      case Kind::kMax:
        result = std::max(result, other);
        break;
      case Kind::kDivide:
      case Kind::kModulo: {
        if (other == 0) throw fail("divides by zero");
        overflow = result == INT64_MIN && other == -1;
        if (overflow) break;
        const int64_t quotient = floor_divided(result, other);
        result = term.kind == Kind::kDivide ? quotient : result - quotient * other;
        break;
      }
      default:
        break;
    }
    if (overflow) throw fail("leaves 64 bits");
  }
  return result;
}

int64_t Expression::at(const KnownSizes& sizes) const {
  size_t position = 0;
  return value(position, sizes);
}

void Expression::add_sizes(std::set<size_t>& sizes) const {
  for (const Term& term : terms_) {
    if (term.kind == Kind::kSize) sizes.insert(static_cast<size_t>(term.number));
  }
}

std::string Expression::text(const SizeNames& names) const {
  size_t position = 0;
  return text(position, names);
}

std::string Expression::text(size_t& position, const SizeNames& names) const {
  const Term& term = terms_[position++];
  if (term.kind == Kind::kNumber) return std::to_string(term.number);
  if (term.kind == Kind::kSize) return names.names[static_cast<size_t>(term.number)];
  const bool function = term.kind == Kind::kMin || term.kind == Kind::kMax;
  const std::string between = function ? ", "
                              : term.kind == Kind::kScaled
                                  ? " * "
                                  : " " + std::string(name_of(term.kind)) + " ";
  std::string joined;
  for (uint32_t i = 0; i < term.operands; ++i) {
    joined += (i == 0 ? "" : between) + text(position, names);
  }
  if (term.kind == Kind::kScaled) return "int(" + joined + " * " + number_text(term.factor) + ")";
  return (function ? name_of(term.kind) : "") + ("(" + joined + ")");
}

std::optional<Dims> dims_of(const Field& entry, const SizeNames& names, size_t rank) {
  const auto field = entry.find("dims");
  if (!field) return {};
  Dims dims;
  for (const Field& item : field->items(limits::kRank)) {
    dims.push_back(Expression::parse(item, names));
  }
  if (dims.size() != rank) throw field->refuse(std::to_string(rank) + " expressions");
  return dims;
}

std::vector<int64_t> shape_at(const Dims& dims, const KnownSizes& sizes) {
  std::vector<int64_t> shape;
  for (const Expression& dim : dims) {
    shape.push_back(dim.at(sizes));
    if (shape.back() < 0 || shape.back() > int64_t{0xffffffff}) {
      throw ModelError(dim.text(*sizes.names) + " is " + std::to_string(shape.back()) + " at " +
                       sizes.shown() + ", which is no dimension");
    }
  }
  return shape;
}

}  // namespace nnapi::session
