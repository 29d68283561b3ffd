// Weights in the order in which kernels read them: packed when a model is compiled, or taken from
// what an earlier compilation of it packed.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "host/weights/packed_bytes.h"
#include "host/weights/shared_weights.h"

namespace nnapi::host {

// What one compilation packs, in order. Compiling the same model again asks for the same sizes in
// the same order.
class PackedSequence {
 public:
  struct Piece {
    PackedBytes data;
    size_t bytes;
  };

  PackedSequence() = default;
  // With the pieces of an earlier compilation.
  explicit PackedSequence(std::vector<Piece> known) : known_(std::move(known)) {}

  // Of the next piece; null: it is not known.
  PackedBytes take(size_t bytes);
  void add(PackedBytes data, size_t bytes);

  // All pieces so far.
  const std::vector<Piece>& pieces() const { return pieces_; }
  // Were they all known, and no others?
  bool is_as_known() const { return as_known_ && pieces_.size() == known_.size(); }

 private:
  std::vector<Piece> known_, pieces_;
  bool as_known_ = true;
};

// How many bytes a compilation may pack. A model can say that operations share weights but for
// where they begin, and would have each packed for itself: what is beyond this is packed in every
// run.
class PackingBudget {
 public:
  explicit PackingBudget(size_t bytes) : left_(bytes) {}

  bool take(size_t bytes);
  void give_back(size_t bytes) { left_ += bytes; }

 private:
  std::atomic<size_t> left_;
};

// While it lives, what this thread packs is part of the sequence (null: of none) and within the
// budget (null: any).
class PackingScope {
 public:
  PackingScope(PackedSequence* sequence, std::shared_ptr<PackingBudget> budget);
  ~PackingScope();
  PackingScope(const PackingScope&) = delete;
  PackingScope& operator=(const PackingScope&) = delete;

 private:
  PackedSequence* outer_;
  std::shared_ptr<PackingBudget> outer_budget_;
};

// The sequence that this thread packs for; may be null.
PackedSequence* packing_sequence();

// The same bytes, which give back to the budget (null: to none) what was taken for them.
PackedBytes counted(PackedBytes packed, size_t bytes, std::shared_ptr<PackingBudget> budget);
// The budget that this thread packs within; may be null.
const std::shared_ptr<PackingBudget>& packing_budget();

// The packed form of a constant and its bias, `bytes` long: known from the sequence, or what
// pack(char*) fills. Equal ones of the same constants are kept once. Null: the budget is used up.
template <class Pack>
PackedBytes packed_weights(const void* weights, const void* bias, size_t bytes, const Pack& pack) {
  PackedSequence* sequence = packing_sequence();
  PackedBytes packed = sequence ? sequence->take(bytes) : nullptr;
  if (!packed) {
    const std::shared_ptr<PackingBudget> budget = packing_budget();
    if (budget && !budget->take(bytes)) return nullptr;
    char* writable = nullptr;
    packed = counted(allocate_packed(bytes, &writable), bytes, budget);
    pack(writable);
    packed = share_weights(weights, bias, bytes, std::move(packed));
  }
  if (sequence) sequence->add(packed, bytes);
  return packed;
}

}  // namespace nnapi::host
