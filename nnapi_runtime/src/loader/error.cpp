#include "loader/error.h"

#include <array>

#include "nnapi/neural_networks.h"

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

bool Error::is_refusal() const {
  switch (code) {
    // What another moment may give: it says nothing of the model.
    case ANEURALNETWORKS_OUT_OF_MEMORY:
    case ANEURALNETWORKS_UNMAPPABLE:
    case ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT:
    case ANEURALNETWORKS_MISSED_DEADLINE_PERSISTENT:
    case ANEURALNETWORKS_RESOURCE_EXHAUSTED_TRANSIENT:
    case ANEURALNETWORKS_RESOURCE_EXHAUSTED_PERSISTENT:
    case ANEURALNETWORKS_DEAD_OBJECT:
      return false;
    default:
      return kind == ErrorKind::kLibrary || call.starts_with("ANeuralNetworksModel_") ||
             call.starts_with("ANeuralNetworksCompilation_");
  }
}

}  // namespace nnapi::loader
