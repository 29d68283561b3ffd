// Compilation caching: a file for each token, with the weights that compiling a model packs.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "host/weights/packed_weights.h"
#include "nnapi/neural_networks.h"

namespace nnapi::host {

using CacheToken = std::array<uint8_t, ANEURALNETWORKS_BYTE_SIZE_OF_CACHE_TOKEN>;

// A file is used if it is whole, and of this very model, weights included, by this build of the
// library for this processor; otherwise it is written anew. What it holds is mapped, not copied. A
// cache that can't be read or written is no error.
class CompilationCache {
 public:
  CompilationCache(const std::string& directory, const CacheToken& token, uint64_t model_hash);

  // What the compilation takes its packed weights from, and adds them to.
  PackedSequence* sequence() { return &sequence_; }

  // After a compilation that succeeded: makes the file if it is not there, or was of no use.
  void save() const;

 private:
  std::string path_;
  uint64_t key_ = 0;
  bool usable_ = false;
  bool found_ = false;
  PackedSequence sequence_;
};

}  // namespace nnapi::host
