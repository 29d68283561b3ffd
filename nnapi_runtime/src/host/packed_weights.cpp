#include "host/packed_weights.h"

#include <cstring>
#include <utility>

#include "host/kernels/aligned_bytes.h"
#include "host/large_pages.h"

namespace nnapi::host {
namespace {

thread_local PackedSequence* current = nullptr;

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

PackingScope::PackingScope(PackedSequence* sequence) : outer_(std::exchange(current, sequence)) {}
PackingScope::~PackingScope() { current = outer_; }

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
