// The safetensors format: a header in JSON, and tensors one after another.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

#include "session/file/artifact.h"

namespace nnapi::session {

struct Safetensors {
  // Throws ModelError. The tensors are views of `file`, and fill it.
  static Safetensors read(std::span<const std::byte> file);

  std::map<std::string, StoredTensor, std::less<>> tensors;
  std::map<std::string, std::string, std::less<>> metadata;
};

}  // namespace nnapi::session
