// Sizes that are known when a model runs: what they are called, what they may be, and what must
// hold between them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "session/json.h"
#include "session/sizes/expression.h"

namespace nnapi::session {

// A free size. Dimension `dim` of the value `of` is `factor * size + offset`.
struct Size {
  std::string name;
  int64_t least = 0;
  std::optional<int64_t> most;
  std::string of;
  size_t dim = 0;
  int64_t factor = 1;
  int64_t offset = 0;
  int64_t example = 0;  // one that the model has run at

  static Size parse(const Field& field);

  // Its number, which the shape of its value says. Throws ArgumentError, naming it, for one out of
  // range, and ModelError for a value of too few dimensions.
  int64_t given_by(std::span<const int64_t> shape) const;

 private:
  std::string range_text() const;
  std::string formula() const;
};

// Something that the sizes must satisfy besides their ranges.
struct Relation {
  std::string comparison;
  Expression left, right;

  static Relation parse(const Field& field, const SizeNames& names);
  // Throws ArgumentError where it does not hold.
  void check(const KnownSizes& sizes) const;
};

// Throws ArgumentError where a dimension is not what the other arguments say it must be.
void check_dims(const std::string& name, std::span<const int64_t> shape, const Dims& dims,
                const KnownSizes& sizes);

}  // namespace nnapi::session
