#include "host/step_groups.h"

#include <algorithm>

namespace nnapi::host {
namespace {

class Grouping {
 public:
  Grouping(const Model& model, const std::vector<Step>& steps) : model_(model), steps_(steps) {}

  // Elements of the output, if the step may be part of a group; else 0.
  size_t elements(uint32_t i) const {
    const Step& step = steps_[i];
    const auto& tensors = model_.shapes().tensors;
    if (!step.fixed || !step.implementation->elementwise) return 0;
    for (uint32_t input : step.operation->inputs)
      if (tensors[input].type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL) return 0;
    const size_t count = tensors[step.operation->outputs[0]].count();
    return count > kGroupBlock ? count : 0;
  }

  // May step i follow steps [first, i), whose outputs have `count` elements?
  bool continues(uint32_t first, uint32_t i, size_t count) const {
    if (elements(i) != count) return false;
    for (uint32_t input : steps_[i].operation->inputs) {
      if (model_.shapes().tensors[input].count() == count) continue;
      for (uint32_t k = first; k < i; ++k)
        if (steps_[k].operation->outputs[0] == input) return false;
    }
    return true;
  }

 private:
  const Model& model_;
  const std::vector<Step>& steps_;
};

}  // namespace

std::vector<StepGroup> group_steps(const Model& model, const std::vector<Step>& steps) {
  const Grouping grouping(model, steps);
  std::vector<StepGroup> groups;
  const auto count = static_cast<uint32_t>(steps.size());
  for (uint32_t first = 0; first < count; ++first) {
    const size_t elements = grouping.elements(first);
    if (elements == 0) continue;
    uint32_t last = first;
    while (last + 1 < count && grouping.continues(first, last + 1, elements)) ++last;
    if (last > first) groups.push_back({first, last});
    first = last;
  }
  return groups;
}

}  // namespace nnapi::host
