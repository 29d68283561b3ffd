// Weights in the order in which kernels read them: packed when a model is compiled, or taken from
// what an earlier compilation of it packed.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "host/kernels/shared_weights.h"
#include "host/packed_bytes.h"

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

// While it lives, what this thread packs is part of the sequence (null: of none).
class PackingScope {
 public:
  explicit PackingScope(PackedSequence* sequence);
  ~PackingScope();
  PackingScope(const PackingScope&) = delete;
  PackingScope& operator=(const PackingScope&) = delete;

 private:
  PackedSequence* outer_;
};

// The sequence that this thread packs for; may be null.
PackedSequence* packing_sequence();

// The packed form of a constant and its bias, `bytes` long: known from the sequence, or what
// pack(char*) fills. Equal ones of the same constants are kept once.
template <class Pack>
PackedBytes packed_weights(const void* weights, const void* bias, size_t bytes, const Pack& pack) {
  PackedSequence* sequence = packing_sequence();
  PackedBytes packed = sequence ? sequence->take(bytes) : nullptr;
  if (!packed) {
    char* writable = nullptr;
    packed = allocate_packed(bytes, &writable);
    pack(writable);
    packed = share_weights(weights, bias, bytes, std::move(packed));
  }
  if (sequence) sequence->add(packed, bytes);
  return packed;
}

}  // namespace nnapi::host
