// A piece whose sizes are written into its model when they are known, and the compiled models of
// the latest sizes.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "session/file/artifact.h"
#include "session/pieces/nnapi_piece.h"
#include "session/sizes/size.h"

namespace nnapi::session {

class FlexiblePiece : public Piece {
 public:
  // `weights` are the artifact's, `sizes` the model's; they must outlive it, as `words` must.
  FlexiblePiece(const NnapiSpec& spec, std::span<const std::byte> words,
                const std::vector<StoredTensor>& weights, const Manifest& manifest,
                NnapiSetting setting, Slots& slots);

  void run(Run& run) const override;
  void profile(Run& run, std::vector<Cost>& costs) const override;
  void place(std::vector<Placement>& placements) const override;

 private:
  // A model for certain sizes, with the words and the cut weights that it is of.
  struct Compiled {
    std::vector<int32_t> words;
    std::vector<std::shared_ptr<const std::byte>> parts;
    std::unique_ptr<const NnapiPiece> piece;
  };
  struct Kept {
    std::vector<std::optional<int64_t>> sizes;
    std::shared_ptr<const Compiled> compiled;
  };

  KnownSizes sizes_of(const Run& run) const;
  std::shared_ptr<const Compiled> compiled(const KnownSizes& sizes) const;
  std::shared_ptr<const Compiled> compile(const KnownSizes& sizes) const;
  std::vector<int32_t> patched_words(const KnownSizes& sizes) const;
  Weights cut_weights(const KnownSizes& sizes, Compiled& compiled) const;
  // Where a size is 0: NNAPI has no tensors without elements.
  void run_empty(Run& run, const KnownSizes& sizes) const;

  NnapiSpec spec_;
  std::span<const std::byte> words_;
  const std::vector<StoredTensor>& weights_;
  const Manifest& manifest_;
  NnapiSetting setting_;
  std::vector<size_t> needed_;      // sizes, by index
  std::vector<size_t> size_slots_;  // the values that they are of
  std::vector<size_t> input_slots_, output_slots_;
  mutable Slots slots_;  // of the borders alone, which have theirs
  mutable std::mutex mutex_;
  mutable std::list<Kept> kept_;  // the latest first
};

}  // namespace nnapi::session
