#include "loader/error.h"

#include <array>

namespace nnapi::loader {

const char* code_name(int code) {
  static constexpr std::array kNames = {
      "NO_ERROR",
      "OUT_OF_MEMORY",
      "INCOMPLETE",
      "UNEXPECTED_NULL",
      "BAD_DATA",
      "OP_FAILED",
      "BAD_STATE",
      "UNMAPPABLE",
      "OUTPUT_INSUFFICIENT_SIZE",
      "UNAVAILABLE_DEVICE",
      "MISSED_DEADLINE_TRANSIENT",
      "MISSED_DEADLINE_PERSISTENT",
      "RESOURCE_EXHAUSTED_TRANSIENT",
      "RESOURCE_EXHAUSTED_PERSISTENT",
      "DEAD_OBJECT",
  };
  if (code < 0 || static_cast<size_t>(code) >= kNames.size()) return "an unknown result code";
  return kNames[code];
}

}  // namespace nnapi::loader
