#include "host/model/feature_level.h"

#include <algorithm>

namespace nnapi::host {

int32_t feature_level_of(const Model& model, const OperationNode& operation) {
  int32_t level = std::max(operation.level, operation.entry->level);
  bool ranked = false;
  for (size_t i = 0; i < operation.rules.size(); ++i) {
    const Operand& operand = model.operands()[operation.inputs[i]];
    if (operand.lifetime == Lifetime::kOmitted) continue;
    level = std::max(level, operation.rules[i]->level);
    if (ranked || operation.rules[i] != operation.ranked) continue;
    ranked = true;
    const size_t rank = operand.dimensions.size();
    const uint32_t early = operation.entry->early_ranks;
    if (early != 0 && rank != 0 && (rank >= 32 || (early >> rank & 1) == 0))
      level = std::max<int32_t>(level, ANEURALNETWORKS_FEATURE_LEVEL_3);
  }
  return level;
}

}  // namespace nnapi::host
