#include "host/element_group.h"

#include <algorithm>
#include <chrono>

#include "host/thread_pool.h"

namespace nnapi::host {
namespace {

// Blocks of several operands fit the first cache together.
constexpr int64_t kBlock = 1024;            // elements
constexpr int64_t kSlotBytes = kBlock * 4;  // the largest elements have 4 bytes
constexpr int64_t kLeastPiece = 4096;       // elements

}  // namespace

ElementGroup::ElementGroup(const Model& model, const std::vector<Step>& steps,
                           const StepGroup& group, const std::vector<int8_t>& slots,
                           std::vector<ElementLoop>& loops)
    : last_step_(group.last) {
  const auto place = [&](uint32_t operand) { return Place{operand, slots[operand]}; };
  double cost = 0.0;  // of an element, in pieces
  for (uint32_t i = group.first; i <= group.last; ++i) {
    const OperationNode& operation = *steps[i].operation;
    const uint32_t a = operation.inputs[0], b = loops[i].is_binary() ? operation.inputs[1] : a;
    cost += 1.0 / static_cast<double>(loops[i].grain());
    members_.push_back({std::move(loops[i]), place(a), place(b), place(operation.outputs[0])});
  }
  count_ = static_cast<int64_t>(model.shapes().tensors[members_[0].out.operand].count());
  blocks_per_piece_ = std::max(static_cast<int64_t>(1.0 / cost), kLeastPiece) / kBlock;
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
    *times++ = static_cast<uint64_t>((now - start).count());
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
