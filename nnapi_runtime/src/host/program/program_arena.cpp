#include "host/program/program_arena.h"

#include <algorithm>

#include "host/kernels/row_fusion/row_chain.h"

namespace nnapi::host {
namespace {

class Layout {
 public:
  Layout(const Model& model, const std::vector<Step>& steps, const ElementwiseGroups& groups)
      : model_(model),
        steps_(steps),
        slots_(groups.slots),
        source_(model.operands().size()),
        lives_(source_.size()),
        use_(source_.size(), kNoUse) {
    find_chains();
    find_sources();
    find_lives();
    for (const ElementwiseGroup& group : groups.groups) widen(group);
    for (uint32_t i = 0; i < steps.size(); ++i)
      if (steps[i].chain) widen({i, last_of_chain(i)});
    for (uint32_t i = 0; i < source_.size(); ++i) {
      if (!is_planned(i) || source_[i] != i) continue;
      if (is_whole(i))
        use_[i] = add(bytes_of(i), lives_[i].first, lives_[i].last);
      else
        saved_bytes_ += bytes_of(i);
    }
  }

  ArenaLayout place() {
    ArenaLayout layout;
    std::vector<size_t> scratch_use(steps_.size(), kNoUse);
    for (uint32_t i = 0; i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      const uint32_t last = step.chain ? last_of_chain(i) : i;
      const size_t bytes = step.chain      ? step.chain->scratch_bytes()
                           : step.prepared ? step.prepared->scratch_bytes
                                           : 0;
      if (bytes != 0) scratch_use[i] = add(bytes, i, last);
      i = last;
    }
    const ArenaPlan plan = plan_arena(uses_);
    layout.operands.assign(source_.size(), Program::kNotPlanned);
    for (uint32_t i = 0; i < source_.size(); ++i)
      if (is_planned(i))
        layout.operands[i] =
            is_whole(i) ? plan.offsets[use_[source_[i]]] + within_source_[i] : Program::kInBlocks;
    layout.scratch.assign(steps_.size(), 0);
    for (uint32_t i = 0; i < steps_.size(); ++i)
      if (scratch_use[i] != kNoUse) layout.scratch[i] = plan.offsets[scratch_use[i]];
    layout.bytes = plan.peak;
    layout.unshared_bytes = plan.sum + saved_bytes_;
    return layout;
  }

 private:
  static constexpr size_t kNoUse = SIZE_MAX;
  static constexpr uint32_t kNever = UINT32_MAX;
  struct Life {
    uint32_t first = kNever, last = 0;  // steps
  };

  bool is_planned(uint32_t operand) const {
    return model_.operands()[operand].lifetime == Lifetime::kTemporary &&
           model_.shapes().known[operand];
  }
  // Is all of it there at once?
  bool is_whole(uint32_t operand) const {
    return slots_[operand] == kNoSlot && !within_chain_[operand];
  }
  uint32_t last_of_chain(uint32_t first) const {
    return first + static_cast<uint32_t>(steps_[first].chain->stages()) - 1;
  }
  size_t bytes_of(uint32_t operand) const {
    const Tensor& tensor = model_.shapes().tensors[operand];
    return tensor.count() * element_size(tensor.type);
  }
  size_t add(size_t bytes, uint32_t first, uint32_t last) {
    uses_.push_back({bytes, first, last});
    return uses_.size() - 1;
  }

  void find_chains() {
    within_chain_.assign(source_.size(), false);
    for (uint32_t i = 0; i < steps_.size(); ++i)
      for (uint32_t k = i; steps_[i].chain && k < last_of_chain(i); ++k)
        within_chain_[steps_[k].operation->outputs[0]] = true;
    // What is never made is nowhere, too.
    for (const Step& step : steps_)
      if (step.is_stored) within_chain_[step.operation->outputs[0]] = true;
  }

  // Do the outputs of a step that only reshapes lie one after the other in its input?
  bool cuts_whole_rows(const Step& step) const {
    const auto& tensors = model_.shapes().tensors;
    if (step.operation->outputs.size() == 1) return true;
    const Shape& whole = tensors[step.operation->inputs[0]].shape;
    const Shape& part = tensors[step.operation->outputs[0]].shape;
    uint32_t axis = 0;
    while (axis < whole.rank() && whole[axis] == part[axis]) ++axis;
    return whole.count(0, axis) == 1;
  }

  // Steps are in order, so a source of a source is found already.
  void find_sources() {
    for (uint32_t i = 0; i < source_.size(); ++i) source_[i] = i;
    within_source_.assign(source_.size(), 0);
    for (const Step& step : steps_) {
      if (!step.fixed || step.apart || !step.implementation->only_reshapes ||
          !cuts_whole_rows(step))
        continue;
      const uint32_t input = step.operation->inputs[0];
      if (!is_planned(input)) continue;
      size_t at = within_source_[input];
      for (uint32_t output : step.operation->outputs) {
        if (is_planned(output)) {
          source_[output] = source_[input];
          within_source_[output] = at;
          saved_bytes_ += bytes_of(output);
        }
        at += bytes_of(output);
      }
    }
  }

  void find_lives() {
    for (uint32_t i = 0; i < steps_.size(); ++i) {
      for (uint32_t operand : steps_[i].operation->outputs) {
        Life& life = lives_[source_[operand]];
        life.first = std::min(life.first, i);
        life.last = std::max(life.last, i);
      }
      for (uint32_t operand : steps_[i].operation->inputs) {
        Life& life = lives_[source_[operand]];
        life.last = std::max(life.last, i);
      }
    }
  }

  // What the group uses is needed from its first step to its last.
  void widen(const ElementwiseGroup& group) {
    const auto stretch = [&](uint32_t operand) {
      Life& life = lives_[source_[operand]];
      if (life.first != kNever && life.first >= group.first && life.first <= group.last)
        life.first = group.first;
      if (life.last >= group.first && life.last <= group.last) life.last = group.last;
    };
    for (uint32_t i = group.first; i <= group.last; ++i) {
      for (uint32_t operand : steps_[i].operation->inputs) stretch(operand);
      for (uint32_t operand : steps_[i].operation->outputs) stretch(operand);
    }
  }

  const Model& model_;
  const std::vector<Step>& steps_;
  const std::vector<int8_t>& slots_;
  std::vector<bool> within_chain_;     // by operand
  std::vector<size_t> within_source_;  // by operand: where in it, in bytes
  std::vector<uint32_t> source_;       // likewise: the one whose memory it has
  std::vector<Life> lives_;            // of sources
  std::vector<size_t> use_;            // of sources: their number in uses_
  std::vector<BufferUse> uses_;
  size_t saved_bytes_ = 0;
};

}  // namespace

ArenaLayout lay_out_arena(const Model& model, const std::vector<Step>& steps,
                          const ElementwiseGroups& groups) {
  return Layout(model, steps, groups).place();
}

}  // namespace nnapi::host
