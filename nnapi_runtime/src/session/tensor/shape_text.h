// Shapes in messages, as Python writes tuples: "(3,)", "(2, 4)"; -1 is None.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace nnapi::session {

inline std::string joined(std::span<const int64_t> shape, const char* free) {
  std::string text;
  for (const int64_t dim : shape) {
    text += (text.empty() ? "" : ", ") + (dim < 0 ? std::string(free) : std::to_string(dim));
  }
  return text;
}

inline std::string shape_text(std::span<const int64_t> shape) {
  return "(" + joined(shape, "None") + (shape.size() == 1 ? ",)" : ")");
}

}  // namespace nnapi::session
