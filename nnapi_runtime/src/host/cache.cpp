#include "host/cache.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <memory>

#include "host/model.h"

namespace nnapi::host {
namespace {

// The whole file. What compilation packs is made faster than it is read from a disk; should that
// change, it follows this header, and `payload_bytes` says how long it is.
struct CacheFile {
  char magic[8] = {'N', 'N', 'A', 'P', 'I', 'h', 'c', '1'};
  uint64_t model = 0;
  uint64_t payload_bytes = 0;
  uint64_t checksum = 0;  // of all before it
};

// FNV-1a, eight bytes at a time.
class Hash {
 public:
  void add(const void* data, size_t bytes) {
    const auto* p = static_cast<const uint8_t*>(data);
    for (; bytes >= 8; p += 8, bytes -= 8) {
      uint64_t word;
      std::memcpy(&word, p, 8);
      mix(word);
    }
    uint64_t rest = bytes;
    if (bytes != 0) std::memcpy(&rest, p, bytes);  // p may be null where there is nothing
    mix(rest);
  }
  template <class T>
  void add_value(T value) {
    mix(static_cast<uint64_t>(value));
  }
  template <class T>
  void add_list(const std::vector<T>& list) {
    mix(list.size());
    add(list.data(), list.size() * sizeof(T));
  }
  uint64_t value() const { return value_; }

 private:
  void mix(uint64_t word) {
    value_ = (value_ ^ word) * 0x100000001b3ull;
    value_ ^= value_ >> 29;
  }
  uint64_t value_ = 0xcbf29ce484222325ull;
};

uint64_t checksum(const CacheFile& file) {
  Hash hash;
  hash.add(&file, offsetof(CacheFile, checksum));
  return hash.value();
}

std::string file_name(const std::string& directory, const CacheToken& token) {
  std::string name = directory.empty() || directory.back() == '/' ? directory : directory + '/';
  for (uint8_t byte : token) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", byte);
    name += digits;
  }
  return name + ".nnapi-cache";
}

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

bool is_current(const std::string& name, const CacheFile& wanted) {
  File file(std::fopen(name.c_str(), "rbe"), std::fclose);
  CacheFile found;
  return file && std::fread(&found, sizeof found, 1, file.get()) == 1 &&
         std::memcmp(&found, &wanted, sizeof found) == 0;
}

// Another process may be reading or writing the same file: it appears complete, or not at all.
void write(const std::string& name, const CacheFile& content) {
  const std::string temporary = name + "." + std::to_string(getpid());
  File file(std::fopen(temporary.c_str(), "wbe"), std::fclose);
  if (!file) return;
  const bool written = std::fwrite(&content, sizeof content, 1, file.get()) == 1;
  if (std::fclose(file.release()) != 0 || !written ||
      std::rename(temporary.c_str(), name.c_str()) != 0)
    std::remove(temporary.c_str());
}

// Models may be shared by many others: each is hashed once.
using Known = std::map<const Model*, uint64_t>;

uint64_t hash_once(const Model& model, Known& known) {
  if (auto found = known.find(&model); found != known.end()) return found->second;
  Hash hash;
  hash.add_value(model.relaxed());
  for (size_t i = 0; i < model.operands().size(); ++i) {
    const Operand& operand = model.operands()[i];
    hash.add_value(operand.type);
    hash.add_list(operand.dimensions);
    hash.add(&operand.scale, sizeof operand.scale);
    hash.add_value(operand.zero_point);
    hash.add_value(operand.channel_dim);
    hash.add_list(operand.channel_scales);
    hash.add_value(static_cast<int>(operand.lifetime));
    uint32_t bytes = 0;
    if (operand.lifetime == Lifetime::kConstant &&
        byte_size(operand.type, operand.dimensions, &bytes))
      hash.add(operand.value, bytes);
    if (operand.lifetime == Lifetime::kModel) hash.add_value(hash_once(*operand.model, known));
  }
  for (const OperationNode& operation : model.operations()) {
    hash.add_value(operation.entry->code);
    hash.add_list(operation.inputs);
    hash.add_list(operation.outputs);
  }
  hash.add_list(model.inputs());
  hash.add_list(model.outputs());
  return known[&model] = hash.value();
}

}  // namespace

uint64_t model_hash(const Model& model) {
  Known known;
  return hash_once(model, known);
}

bool refresh_cache(const std::string& directory, const CacheToken& token, const Model& model) {
  CacheFile content;
  content.model = model_hash(model);
  content.checksum = checksum(content);
  const std::string name = file_name(directory, token);
  if (is_current(name, content)) return true;
  write(name, content);
  return false;
}

}  // namespace nnapi::host
