#include "host/program/elementwise_groups.h"

#include <algorithm>
#include <bitset>

namespace nnapi::host {
namespace {

class Grouping {
 public:
  Grouping(const Model& model, const std::vector<Step>& steps,
           const std::vector<ElementLoop>& loops)
      : model_(model), steps_(steps), loops_(loops), last_reads_(model.operands().size(), 0) {
    for (uint32_t i = 0; i < steps.size(); ++i)
      for (uint32_t input : steps[i].operation->inputs) last_reads_[input] = i;
  }

  ElementwiseGroups find() const {
    ElementwiseGroups found;
    found.slots.assign(model_.operands().size(), kNoSlot);
    for (uint32_t first = 0; first < steps_.size(); ++first) {
      if (!loops_[first]) continue;
      uint32_t last = first;
      while (continues(first, last + 1)) ++last;
      found.groups.push_back({first, last});
      assign_slots(found.groups.back(), found.slots);
      first = last;
    }
    return found;
  }

 private:
  uint32_t output_of(uint32_t step) const { return steps_[step].operation->outputs[0]; }
  size_t elements(uint32_t operand) const { return model_.shapes().tensors[operand].count(); }

  bool is_written_in(uint32_t operand, uint32_t first, uint32_t end) const {
    for (uint32_t i = first; i < end; ++i)
      if (output_of(i) == operand) return true;
    return false;
  }

  // May step i follow steps [first, i)?
  bool continues(uint32_t first, uint32_t i) const {
    if (i == steps_.size() || !loops_[i]) return false;
    const size_t count = elements(output_of(first));
    if (elements(output_of(i)) != count) return false;
    return std::ranges::all_of(steps_[i].operation->inputs, [&](uint32_t input) {
      return elements(input) == count || !is_written_in(input, first, i);
    });
  }

  void assign_slots(const ElementwiseGroup& group, std::vector<int8_t>& slots) const {
    std::bitset<kBlockSlots> taken;
    for (uint32_t i = group.first; i <= group.last; ++i) {
      const uint32_t output = output_of(i);
      const bool is_within = model_.operands()[output].lifetime == Lifetime::kTemporary &&
                             last_reads_[output] > i && last_reads_[output] <= group.last;
      for (int8_t slot = 0; is_within && slot < kBlockSlots; ++slot) {
        if (taken[static_cast<size_t>(slot)]) continue;
        slots[output] = slot;
        taken.set(static_cast<size_t>(slot));
        break;
      }
      for (uint32_t input : steps_[i].operation->inputs)
        if (slots[input] != kNoSlot && last_reads_[input] == i)
          taken.reset(static_cast<size_t>(slots[input]));
    }
  }

  const Model& model_;
  const std::vector<Step>& steps_;
  const std::vector<ElementLoop>& loops_;
  std::vector<uint32_t> last_reads_;  // by operand: the last step that reads it
};

}  // namespace

ElementwiseGroups find_elementwise_groups(const Model& model, const std::vector<Step>& steps,
                                          const std::vector<ElementLoop>& loops) {
  return Grouping(model, steps, loops).find();
}

}  // namespace nnapi::host
