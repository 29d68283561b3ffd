#include "host/program/fused_elementwise.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "host/threads/grain_size.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {

FusedElementwise::FusedElementwise(const Model& model, const std::vector<Step>& steps,
                                   const ElementwiseGroup& group, const std::vector<int8_t>& slots,
                                   std::vector<ElementLoop>& loops)
    : last_step_(group.last) {
  const auto place = [&](uint32_t operand) { return OperandPlace{operand, slots[operand]}; };
  for (uint32_t i = group.first; i <= group.last; ++i)
    costs_.push_back(1.0 / static_cast<double>(loops[i].grain()));
  for (uint32_t i = group.first; i <= group.last; i += members_.back().steps()) {
    Member& member = members_.emplace_back();
    auto formula = std::make_unique<const FusedFormula>(model, steps, i, group, slots);
    if (formula->steps() > 1) {
      member.formula = std::move(formula);
      continue;
    }
    const OperationNode& operation = *steps[i].operation;
    member.loop = std::move(loops[i]);
    member.a = place(operation.inputs[0]);
    member.b = member.loop.is_binary() ? place(operation.inputs[1]) : member.a;
    member.out = place(operation.outputs[0]);
  }
  const uint32_t output = steps[group.first].operation->outputs[0];
  count_ = static_cast<int64_t>(model.shapes().tensors[output].count());
  const double cost = std::accumulate(costs_.begin(), costs_.end(), 0.0);
  blocks_per_piece_ = grain_size((count_ + BlockMemory::kElements - 1) / BlockMemory::kElements,
                                 1.0 / (cost * BlockMemory::kElements));
}

void FusedElementwise::run_member(const Member& member, int64_t begin, int64_t end,
                                  const BlockMemory& memory) {
  if (member.formula)
    member.formula->compute(begin, end, memory);
  else
    member.loop.compute(begin, end, memory[member.a], memory[member.b], memory[member.out]);
}

void FusedElementwise::time_block(int64_t begin, int64_t end, const BlockMemory& memory,
                                  uint64_t* times) const {
  const double* cost = costs_.data();
  auto start = Clock::now();
  for (const Member& member : members_) {
    run_member(member, begin, end, memory);
    const auto now = Clock::now();
    const auto taken = static_cast<double>((now - start).count());
    const double all = std::accumulate(cost, cost + member.steps(), 0.0);
    for (uint32_t i = 0; i < member.steps(); ++i)
      *times++ = static_cast<uint64_t>(taken * *cost++ / all);
    start = now;
  }
}

void FusedElementwise::run(const Tensor* tensors, ThreadPool& pool, uint64_t* times) const {
  constexpr int64_t kBlock = BlockMemory::kElements;
  parallel_for(pool, (count_ + kBlock - 1) / kBlock, blocks_per_piece_,
               [&](int64_t first, int64_t last) {
                 alignas(64) char slots[kBlockSlots * BlockMemory::kSlotBytes];
                 for (int64_t block = first; block < last; ++block) {
                   const int64_t begin = block * kBlock, end = std::min(begin + kBlock, count_);
                   const BlockMemory memory{tensors, slots, begin};
                   if (times && block == 0)
                     time_block(begin, end, memory, times);
                   else
                     for (const Member& member : members_) run_member(member, begin, end, memory);
                 }
               });
}

}  // namespace nnapi::host
