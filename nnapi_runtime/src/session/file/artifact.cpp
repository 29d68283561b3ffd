#include "session/file/artifact.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "session/file/crc32.h"
#include "session/file/safetensors.h"

namespace nnapi::session {
namespace {

using loader::ModelError;

constexpr std::string_view kFormat = "torch-nnapi";

const std::string& metadata_of(const Safetensors& file, const char* key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) {
    throw ModelError(std::string("header.__metadata__ lacks '") + key + "'");
  }
  return found->second;
}

void expect(const Safetensors& file, const char* key, std::string_view value,
            const std::string& expected) {
  const std::string& found = metadata_of(file, key);
  if (found == value) return;
  throw ModelError(std::string("header.__metadata__.") + key + " is '" +
                   printable(found.substr(0, 57)) + "', not " + expected);
}

void check_sum(const std::string& what, std::span<const std::byte> data,
               std::string_view expected) {
  char found[9];
  std::snprintf(found, sizeof found, "%08x", crc32(data));
  if (expected == found) return;
  throw ModelError(what + " is damaged: its checksum is " + found + ", not " +
                   printable(expected.substr(0, 57)) +
                   "; get the file again, or convert the model again");
}

void check_names(const Safetensors& file,
                 const std::map<std::string, std::string, std::less<>>& sums) {
  std::set<std::string> only_one;
  for (const auto& [name, tensor] : file.tensors) {
    if (!sums.contains(name)) only_one.insert(name);
  }
  for (const auto& [name, sum] : sums) {
    if (!file.tensors.contains(name)) only_one.insert(name);
  }
  if (only_one.empty()) return;
  std::string names;
  for (const std::string& name : only_one) {
    if (names.size() > 500) break;
    names += (names.empty() ? "" : ", ") + printable(name);
  }
  throw ModelError("tensors and checksums do not name the same; only one has: " + names);
}

bool is_aligned(const Safetensors& file) {
  return std::all_of(file.tensors.begin(), file.tensors.end(), [](const auto& named) {
    const StoredTensor& tensor = named.second;
    return reinterpret_cast<uintptr_t>(tensor.bytes.data()) % element_of(tensor.dtype).size == 0;
  });
}

Artifact read_checked(const Safetensors& file) {
  expect(file, "format", kFormat, "'torch-nnapi'");
  // Version 2 has what a reader of version 1 would not know to be missing: states; 3 has methods.
  const std::string& version = metadata_of(file, "version");
  if (version != "2" && version != "3") {
    expect(file, "version", "1", "version 1, 2 or 3, which this release reads");
  }
  const std::string& text = metadata_of(file, "manifest");
  check_sum("the manifest", std::as_bytes(std::span(text)), metadata_of(file, "checksum"));

  Artifact artifact;
  artifact.document = Document::parse(text, "the manifest");
  const Field manifest(artifact.document, artifact.document.root(), "manifest");
  std::map<std::string, std::string, std::less<>> sums;
  for (const auto& [name, sum] : manifest["checksums"].members()) sums.emplace(name, sum.text());
  check_names(file, sums);
  for (const auto& [name, sum] : sums) artifact.identity += name + " " + sum + "\n";

  size_t weights = 0;
  for (const auto& [name, tensor] : file.tensors) {
    check_sum("tensor '" + printable(name) + "'", tensor.bytes, sums.find(name)->second);
    if (name.starts_with("model.")) artifact.models.emplace(name, tensor.bytes);
    if (name.starts_with("torch.")) artifact.programs.emplace(name, tensor.bytes);
    if (name.starts_with("weights.")) ++weights;
  }
  for (size_t i = 0; i < weights; ++i) {
    const auto found = file.tensors.find("weights." + std::to_string(i));
    if (found == file.tensors.end()) {
      throw ModelError(std::to_string(weights) + " weights are not numbered from 0 without a gap");
    }
    artifact.weights.push_back(found->second);
  }
  artifact.manifest = Manifest::parse(manifest);
  return artifact;
}

}  // namespace

std::shared_ptr<const Artifact> Artifact::read(std::shared_ptr<const Bytes> file,
                                               const std::string& name) {
  return loader::with_memory_for(name, [&] { return read_named(std::move(file), name); });
}

std::shared_ptr<const Artifact> Artifact::read_named(std::shared_ptr<const Bytes> file,
                                                     const std::string& name) {
  try {
    return reading_json([&] {
      Safetensors tensors = Safetensors::read(file->all());
      // Inside of another file, a file may begin where elements of 8 bytes may not.
      if (!is_aligned(tensors)) {
        file = file->aligned();
        tensors = Safetensors::read(file->all());
      }
      auto artifact = std::make_shared<Artifact>(read_checked(tensors));
      artifact->name = name;
      artifact->owners.push_back(std::move(file));
      return artifact;
    });
  } catch (const loader::Error& error) {
    throw error.within(name);
  }
}

}  // namespace nnapi::session
