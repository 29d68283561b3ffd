// Convolutions that follow each other, computed together: of what lies between two of them, only
// the rows that the second still needs are kept, in a ring that stays in the cache.
//
//     input rows → stage 0 → ring → stage 1 → ring → stage 2 → output rows
//
// The rows of the last output are cut into bands. A band begins with empty rings, so rows around
// the cut are computed twice: there is a band for each thread, no more. Each stage's rows are
// always computed in the same lots, so that results do not depend on the cut.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "host/kernels/convolution/convert_images.h"
#include "host/kernels/convolution/row_producer.h"

namespace nnapi::host {

class RowChain {
 public:
  static constexpr size_t kMaxProducers = 8;
  // Time spent in each stage, by all threads together.
  using Profile = std::array<uint64_t, kMaxProducers>;

  // Can the second compute on what the first makes?
  static bool fits(const RowProducer& first, const RowProducer& second);

  // 2 to kMaxProducers stages, each of which fits the one before it, and which outlive the chain.
  // Bands for at most `threads` threads are made.
  RowChain(std::vector<const RowProducer*> stages, int threads);

  size_t stages() const { return stages_.size(); }
  size_t scratch_bytes() const { return scratch_bytes_; }

  // `profile` may be null.
  void run(const void* input, void* output, void* scratch, ThreadPool& pool,
           Profile* profile) const;

 private:
  class Band;
  struct Stage {
    const RowProducer* stage;
    int64_t lot;        // rows that are computed at a time
    ImageRows rows;     // of its output, without an address
    size_t ring_bytes;  // 0: the last one's
  };

  std::vector<Stage> stages_;
  Staging in_, out_;
  int64_t bands_;
  size_t band_bytes_ = 0, scratch_bytes_ = 0;
};

}  // namespace nnapi::host
