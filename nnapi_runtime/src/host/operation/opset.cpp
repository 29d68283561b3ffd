#include "host/operation/opset.h"

#include <algorithm>
#include <iterator>

#include "host/operation/extension_registry.h"

namespace nnapi::host {

#include "opset.inc"

std::span<const OpsetEntry> opset() { return kOpset; }

const OpsetEntry* find_operation(int32_t code) {
  static const OpsetEntry oem{
      ANEURALNETWORKS_OEM_OPERATION, "OEM_OPERATION", 27, 0, UINT32_MAX, 0, {}, {}, {}, nullptr};
  if (code == ANEURALNETWORKS_OEM_OPERATION) return &oem;
  if (code >> kExtensionShift > 0) return find_extension_operation(code);
  const auto* entry = std::ranges::lower_bound(kOpset, code, {}, &OpsetEntry::code);
  return entry != std::end(kOpset) && entry->code == code ? entry : nullptr;
}

}  // namespace nnapi::host
