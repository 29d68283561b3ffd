// Refuses inputs of other shapes than their operation needs.
#pragma once

#include <cstdio>

#include "host/operation/operation.h"

namespace nnapi::host {

// A row of checks, up to the first that fails:
//   return ShapeChecks(node).rank(0, 2).shape(1, {units, size}, "[units, size]").status();
class ShapeChecks {
 public:
  explicit ShapeChecks(const Node& node) : node_(node) {}

  ShapeChecks& rank(uint32_t input, uint32_t rank) {
    if (status_ == kOk && node_.in(input).shape.rank() != rank)
      status_ =
          node_.bad("input %u has rank %u, must be %u", input, node_.in(input).shape.rank(), rank);
    return *this;
  }
  // `needs` says what the dimensions are.
  ShapeChecks& shape(uint32_t input, const Shape& needed, const char* needs) {
    if (status_ == kOk && !(node_.in(input).shape == needed)) {
      char have[96], want[96];
      print(node_.in(input).shape, have);
      print(needed, want);
      status_ = node_.bad("input %u has shape %s, must be %s = %s", input, have, needs, want);
    }
    return *this;
  }
  // The input may be left out.
  ShapeChecks& optional(uint32_t input, const Shape& needed, const char* needs) {
    return node_.has(input) ? shape(input, needed, needs) : *this;
  }
  // Any other check: a function that returns a Status.
  template <class Check>
  ShapeChecks& then(Check&& check) {
    if (status_ == kOk) status_ = check();
    return *this;
  }
  Status status() const { return status_; }

 private:
  static void print(const Shape& shape, char (&text)[96]) {
    size_t at = static_cast<size_t>(std::snprintf(text, sizeof text, "["));
    for (uint32_t i = 0; i < shape.rank(); ++i)
      at += static_cast<size_t>(
          std::snprintf(text + at, sizeof text - at, i ? ", %u" : "%u", shape[i]));
    std::snprintf(text + at, sizeof text - at, "]");
  }

  const Node& node_;
  Status status_ = kOk;
};

}  // namespace nnapi::host
