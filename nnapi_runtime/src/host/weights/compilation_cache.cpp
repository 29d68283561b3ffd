#include "host/weights/compilation_cache.h"

#include <cstdio>

#include "host/base/hash.h"
#include "host/base/instruction_set.h"
#include "host/base/kernel_choice.h"
#include "host/weights/build_id.h"
#include "host/weights/read_write_cache_file.h"

namespace nnapi::host {
namespace {

std::string file_name(const std::string& directory, const CacheToken& token) {
  std::string name = directory.empty() || directory.back() == '/' ? directory : directory + '/';
  for (uint8_t byte : token) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", byte);
    name += digits;
  }
  return name + kCacheSuffix;
}

// Equal keys: the same weights are packed in the same way.
uint64_t key_of(uint64_t model_hash) {
  Hash hash;
  hash.add_value(model_hash);
  hash.add(build_id().data(), build_id().size());
  hash.add_value(use_fast_kernels());
  hash.add_value(static_cast<int>(instruction_set()));
  return hash.value();
}

}  // namespace

CompilationCache::CompilationCache(const std::string& directory, const CacheToken& token,
                                   uint64_t model_hash) {
  if (build_id().empty()) return;  // which build wrote a file could not be told
  usable_ = true;
  path_ = file_name(directory, token);
  key_ = key_of(model_hash);
  if (auto pieces = read_cache_file(path_, key_)) {
    found_ = true;
    sequence_ = PackedSequence(std::move(*pieces));
  }
}

void CompilationCache::save() const {
  if (!usable_ || (found_ && sequence_.is_as_known())) return;
  write_cache_file(path_, key_, sequence_.pieces());
}

}  // namespace nnapi::host
