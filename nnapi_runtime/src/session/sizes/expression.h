// A size as an expression of free sizes: `4 * rows + 1`.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "session/json.h"

namespace nnapi::session {

// The names of a model's free sizes, and their numbers as far as they are known.
struct SizeNames {
  std::vector<std::string> names;

  std::optional<size_t> index(std::string_view name) const;
};

struct KnownSizes {
  const SizeNames* names = nullptr;
  std::vector<std::optional<int64_t>> numbers;  // one for each name

  std::string shown() const;  // "{'rows': 3}"
};

class Expression {
 public:
  // An integer, the name of a size, or an operator and its operands. Throws ModelError.
  static Expression parse(const Field& field, const SizeNames& names);

  // Its number. Throws ModelError where it divides by zero, leaves 64 bits, or a size is not known.
  int64_t at(const KnownSizes& sizes) const;
  // The sizes in it, by index.
  void add_sizes(std::set<size_t>& sizes) const;
  std::string text(const SizeNames& names) const;

 private:
  enum class Kind : uint8_t {
    kNumber,
    kSize,
    kAdd,
    kMultiply,
    kDivide,
    kModulo,
    kMin,
    kMax,
    kScaled
  };

  // In Polish notation: an operator comes before its operands.
  struct Term {
    Kind kind = Kind::kNumber;
    uint32_t operands = 0;
    int64_t number = 0;   // of kNumber; the index, of kSize
    double factor = 0.0;  // of kScaled
  };

  void read(const Field& field, const SizeNames& names, size_t depth, const Field& whole);
  int64_t value(size_t& term, const KnownSizes& sizes) const;
  std::string text(size_t& term, const SizeNames& names) const;
  static const char* name_of(Kind kind);

  std::vector<Term> terms_;
};

using Dims = std::vector<Expression>;

// The `dims` of an entry with free dimensions; none for one without.
std::optional<Dims> dims_of(const Field& entry, const SizeNames& names, size_t rank);

// Their numbers. Throws ModelError as Expression::at, and for one that is no dimension.
std::vector<int64_t> shape_at(const Dims& dims, const KnownSizes& sizes);

}  // namespace nnapi::session
