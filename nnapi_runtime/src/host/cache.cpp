#include "host/cache.h"

#include <cstdio>
#include <cstring>

#include "host/build_id.h"
#include "host/cache_file.h"
#include "host/hash.h"
#include "host/kernels/choice.h"
#include "host/kernels/simd/tile.h"
#include "host/model_hash.h"

namespace nnapi::host {
namespace {

std::string file_name(const std::string& directory, const CacheToken& token) {
  std::string name = directory.empty() || directory.back() == '/' ? directory : directory + '/';
  for (uint8_t byte : token) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", byte);
    name += digits;
  }
  return name + ".nnapi-cache";
}

// Equal keys: the same weights are packed in the same way.
uint64_t key_of(const Model& model) {
  Hash hash;
  hash.add_value(model_hash(model));
  hash.add(build_id().data(), build_id().size());
  hash.add_value(use_fast_kernels());
  hash.add(tile_loops().name, std::strlen(tile_loops().name));
  return hash.value();
}

}  // namespace

CompilationCache::CompilationCache(const std::string& directory, const CacheToken& token,
                                   const Model& model) {
  if (build_id().empty()) return;  // which build wrote a file could not be told
  usable_ = true;
  path_ = file_name(directory, token);
  key_ = key_of(model);
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
