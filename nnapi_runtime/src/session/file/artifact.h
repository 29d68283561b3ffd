// A converted model's parts, of a .nnapi file or in memory: manifest, models, weights, programs.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "session/file/bytes.h"
#include "session/json.h"
#include "session/manifest/manifest.h"

namespace nnapi::session {

// A tensor of the file, as it lies there. BF16 is kUint16: its bits.
struct StoredTensor {
  DType dtype = DType::kUint8;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

struct Artifact {
  // Reads a .nnapi file (docs/file_format.md), and checks it before anything of it is used. Throws
  // ModelError, whose text begins with `name`.
  static std::shared_ptr<const Artifact> read(std::shared_ptr<const Bytes> file,
                                              const std::string& name);
  // The same, but where there is no memory.
  static std::shared_ptr<const Artifact> read_named(std::shared_ptr<const Bytes> file,
                                                    const std::string& name);

  std::string name;      // for messages
  Document document;     // the manifest as it is written
  Manifest manifest;     // and as it is meant
  std::string identity;  // the checksums, as text; empty: there are none
  std::map<std::string, std::span<const std::byte>, std::less<>> models;
  std::vector<StoredTensor> weights;
  std::map<std::string, std::span<const std::byte>, std::less<>> programs;  // torch text
  std::vector<std::shared_ptr<const void>> owners;  // of all that is not copied
};

}  // namespace nnapi::session
