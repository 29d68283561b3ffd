#include "host/model/constant_bytes.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "host/base/operand_types.h"

namespace nnapi::host {
namespace {

using Places = std::vector<std::pair<uintptr_t, uintptr_t>>;

// Models may be shared by many others.
void add_places(const Model& model, Places& places, std::set<const Model*>& seen) {
  if (!seen.insert(&model).second) return;
  for (const Operand& operand : model.operands()) {
    uint32_t bytes = 0;
    const auto begin = reinterpret_cast<uintptr_t>(operand.value);
    if (operand.lifetime == Lifetime::kConstant &&
        byte_size(operand.type, operand.dimensions, &bytes))
      places.emplace_back(begin, begin + bytes);
    if (operand.lifetime == Lifetime::kModel) add_places(*operand.model, places, seen);
  }
}

}  // namespace

size_t constant_bytes(const Model& model) {
  Places places;
  std::set<const Model*> seen;
  add_places(model, places, seen);
  std::ranges::sort(places);
  size_t bytes = 0;
  uintptr_t counted = 0;
  for (const auto& [begin, end] : places) {
    if (end <= counted) continue;
    bytes += end - std::max(begin, counted);
    counted = end;
  }
  return bytes;
}

}  // namespace nnapi::host
