// A JSON text, read with limits: on its depth, and on how many values it has.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace nnapi::json {

// A text that is no JSON, or has something else than was expected: what, and where.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class JsonKind : uint8_t { kNull, kFlag, kInteger, kNumber, kHuge, kText, kList, kObject };

// A value of a document, which has what it refers to. kHuge is an integer beyond 64 bits.
struct Json {
  JsonKind kind = JsonKind::kNull;
  uint32_t size = 0;  // of a text in bytes, of a list in items, of an object in members
  union {
    bool flag;
    int64_t integer = 0;
    double number;
    uint64_t at;  // where the text, the items, or the keys and values by turns, begin
  };
};

class Document {
 public:
  static constexpr size_t kMaxDepth = 512;  // lists and objects inside of each other
  static constexpr size_t kMaxValues = size_t{1} << 22;

  // Throws Error, which begins with `what`: "the manifest is not JSON: …".
  static Document parse(std::string_view text, const std::string& what);

  const Json& root() const { return values_.back(); }
  std::string_view text(const Json& value) const { return {&texts_[value.at], value.size}; }
  std::span<const Json> items(const Json& list) const { return {&values_[list.at], list.size}; }
  // Key, value, key, value…
  std::span<const Json> members(const Json& object) const {
    return {&values_[object.at], size_t{2} * object.size};
  }
  // As Python shows it; at most about `limit` characters.
  std::string shown(const Json& value, size_t limit) const;

 private:
  friend class DocumentReader;

  std::string texts_ = std::string(1, '\0');
  std::vector<Json> values_;  // the items of a list lie together; the root is the last
};

// A text of a file, for messages: UTF-8, without control characters.
std::string printable(std::string_view text);

// The shortest decimal that is this number, as Python writes it: "0.5", "2.0", "1e+16".
std::string number_text(double number);

}  // namespace nnapi::json
