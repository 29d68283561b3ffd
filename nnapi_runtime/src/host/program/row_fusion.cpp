#include "host/program/row_fusion.h"

#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

constexpr size_t kFar = 512 << 10;  // bytes that hardly stay in the cache until they are read
constexpr size_t kNear = 64 << 10;  // bytes of weights that do, row by row

class Chaining {
 public:
  Chaining(const Model& model, const std::vector<Step>& steps)
      : model_(model), steps_(steps), readers_(model.operands().size(), 0) {
    for (const Step& step : steps)
      for (uint32_t input : step.operation->inputs) ++readers_[input];
  }

  // Null if the step is not fit for chains.
  const RowProducer* stage(size_t i) const {
    const Step& step = steps_[i];
    const RowProducer* stage =
        step.fixed && step.prepared && !step.apart ? step.prepared->row_producer() : nullptr;
    return stage && stage->weight_bytes() <= kNear ? stage : nullptr;
  }

  // Should the result of step i - 1 be handed to step i row by row?
  bool joins(size_t i) const {
    const RowProducer *before = stage(i - 1), *after = stage(i);
    if (!before || !after || !RowChain::fits(*before, *after)) return false;
    const uint32_t between = steps_[i - 1].operation->outputs[0];
    const Tensor& tensor = model_.shapes().tensors[between];
    return steps_[i].operation->inputs[0] == between && readers_[between] == 1 &&
           model_.operands()[between].lifetime == Lifetime::kTemporary &&
           tensor.count() * element_size(tensor.type) >= kFar;
  }

 private:
  const Model& model_;
  const std::vector<Step>& steps_;
  std::vector<uint32_t> readers_;  // by operand
};

}  // namespace

std::vector<RowFusion> find_row_fusions(const Model& model, const std::vector<Step>& steps) {
  const Chaining chaining(model, steps);
  std::vector<RowFusion> chains;
  for (size_t first = 0; first < steps.size(); ++first) {
    size_t last = first;
    while (last + 1 < steps.size() && last + 1 - first < RowChain::kMaxProducers &&
           chaining.joins(last + 1))
      ++last;
    if (last == first) continue;
    std::vector<const RowProducer*> stages;
    for (size_t i = first; i <= last; ++i) stages.push_back(chaining.stage(i));
    chains.push_back(
        {first, std::make_unique<RowChain>(std::move(stages), ThreadPool::instance().size())});
    first = last;
  }
  return chains;
}

}  // namespace nnapi::host
