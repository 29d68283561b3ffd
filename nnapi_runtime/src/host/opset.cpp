#include "host/opset.h"

#include <iterator>

namespace nnapi::host {

#include "opset.inc"

std::span<const OpsetEntry> opset() { return kOpset; }

const OpsetEntry* find_operation(int32_t code) {
  return code >= 0 && static_cast<size_t>(code) < std::size(kOpset) ? &kOpset[code] : nullptr;
}

}  // namespace nnapi::host
