#include "host/weights/packed_weights.h"

#include <cstring>
#include <utility>

#include "host/memory/aligned_bytes.h"
#include "host/memory/large_pages.h"

namespace nnapi::host {
namespace {

thread_local PackedSequence* current = nullptr;
thread_local std::shared_ptr<PackingBudget> current_budget;

}  // namespace

PackedBytes PackedSequence::take(size_t bytes) {
  const size_t next = pieces_.size();
  if (as_known_ && next < known_.size() && known_[next].bytes == bytes) return known_[next].data;
  as_known_ = false;
  return nullptr;
}

void PackedSequence::add(PackedBytes data, size_t bytes) {
  pieces_.push_back({std::move(data), bytes});
}

bool PackingBudget::take(size_t bytes) {
  size_t left = left_;
  while (bytes <= left)
    if (left_.compare_exchange_weak(left, left - bytes)) return true;
  return false;
}

PackingScope::PackingScope(PackedSequence* sequence, std::shared_ptr<PackingBudget> budget)
    : outer_(std::exchange(current, sequence)),
      outer_budget_(std::exchange(current_budget, std::move(budget))) {}
PackingScope::~PackingScope() {
  current = outer_;
  current_budget = std::move(outer_budget_);
}

const std::shared_ptr<PackingBudget>& packing_budget() { return current_budget; }

PackedBytes counted(PackedBytes packed, size_t bytes, std::shared_ptr<PackingBudget> budget) {
  if (!budget) return packed;
  const char* data = packed.get();
  return {data, [packed = std::move(packed), bytes, budget = std::move(budget)](const char*) {
            budget->give_back(bytes);
          }};
}

PackedSequence* packing_sequence() { return current; }

PackedBytes allocate_packed(size_t bytes, char** writable) {
  std::shared_ptr<char> memory;
  if (bytes >= kWorthLargePages) {
    memory = allocate_in_large_pages(bytes);
  } else {
    auto aligned = std::make_shared<AlignedBytes>(bytes);
    memory = {aligned, aligned->get()};
  }
  // Gaps between a plan's parts are compared and written to caches, too.
  std::memset(memory.get(), 0, bytes);
  *writable = memory.get();
  return memory;
}

}  // namespace nnapi::host
