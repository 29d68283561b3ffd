#include "host/element_group.h"

#include <algorithm>
#include <chrono>

#include "host/multiply_add.h"
#include "host/piece_size.h"
#include "host/thread_pool.h"

namespace nnapi::host {
namespace {

// Blocks of several operands fit the first cache together.
constexpr int64_t kBlock = 1024;            // elements
constexpr int64_t kSlotBytes = kBlock * 4;  // the largest elements have 4 bytes

}  // namespace

ElementGroup::ElementGroup(const Model& model, const std::vector<Step>& steps,
                           const StepGroup& group, const std::vector<int8_t>& slots,
                           std::vector<ElementLoop>& loops)
    : last_step_(group.last) {
  const auto place = [&](uint32_t operand) { return Place{operand, slots[operand]}; };
  const auto is_read_from = [&](uint32_t operand, uint32_t first) {
    for (uint32_t i = first; i <= group.last; ++i)
      if (std::ranges::count(steps[i].operation->inputs, operand) != 0) return true;
    return false;
  };
  double cost = 0.0;  // of an element, in pieces
  for (uint32_t i = group.first; i <= group.last; ++i) {
    const OperationNode& operation = *steps[i].operation;
    const uint32_t a = operation.inputs[0], b = loops[i].is_binary() ? operation.inputs[1] : a;
    Member member{std::move(loops[i]), place(a), place(b), place(operation.outputs[0]), 1};
    if (i < group.last && member.out.slot != kNoSlot && !is_read_from(operation.outputs[0], i + 2))
      if (ElementLoop both = multiply_add_loop(model, operation, *steps[i + 1].operation)) {
        ++i;
        member.loop = std::move(both);
        member.out = place(steps[i].operation->outputs[0]);
        member.steps = 2;
      }
    cost += 1.0 / static_cast<double>(member.loop.grain());
    members_.push_back(std::move(member));
  }
  count_ = static_cast<int64_t>(model.shapes().tensors[members_[0].out.operand].count());
  blocks_per_piece_ = piece_size((count_ + kBlock - 1) / kBlock, 1.0 / (cost * kBlock));
}

void ElementGroup::run_member(const Member& member, int64_t begin, int64_t end,
                              const Tensor* tensors, char* slots) {
  const auto place = [&](const Place& at) -> ElementPlace {
    if (at.slot == kNoSlot) return {static_cast<char*>(tensors[at.operand].data), 0};
    return {slots + at.slot * kSlotBytes, begin};
  };
  member.loop.compute(begin, end, place(member.a), place(member.b), place(member.out));
}

void ElementGroup::run_block(int64_t begin, int64_t end, const Tensor* tensors, char* slots) const {
  for (const Member& member : members_) run_member(member, begin, end, tensors, slots);
}

void ElementGroup::time_block(int64_t begin, int64_t end, const Tensor* tensors, char* slots,
                              uint64_t* times) const {
  auto start = Clock::now();
  for (const Member& member : members_) {
    run_member(member, begin, end, tensors, slots);
    const auto now = Clock::now();
    const auto taken = static_cast<uint64_t>((now - start).count());
    times = std::fill_n(times, member.steps, taken / member.steps);
    start = now;
  }
}

void ElementGroup::run(const Tensor* tensors, ThreadPool& pool, uint64_t* times) const {
  parallel_for(pool, (count_ + kBlock - 1) / kBlock, blocks_per_piece_,
               [&](int64_t first, int64_t last) {
                 alignas(64) char slots[kBlockSlots * kSlotBytes];
                 for (int64_t block = first; block < last; ++block) {
                   const int64_t begin = block * kBlock, end = std::min(begin + kBlock, count_);
                   if (times && block == 0)
                     time_block(begin, end, tensors, slots, times);
                   else
                     run_block(begin, end, tensors, slots);
                 }
               });
}

}  // namespace nnapi::host
