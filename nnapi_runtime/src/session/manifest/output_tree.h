// How the flat outputs of a model are put together again.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "session/json.h"

namespace nnapi::session {

// A leaf, None, or a tuple, list, dict or named tuple of such.
struct OutputTree {
  enum class Kind : uint8_t { kLeaf, kNone, kTuple, kList, kDict, kNamed };
  using Key = std::variant<std::string, int64_t>;

  Kind kind = Kind::kLeaf;
  std::vector<OutputTree> children;
  std::vector<Key> keys;  // of a dict or a named tuple, one for each child
  std::string name;       // of a named tuple: its class in the model

  // Checks the JSON form, which must have so many leaves. Throws ModelError.
  static OutputTree parse(const Field& field, size_t leaves);
  size_t count() const;  // of leaves

  friend bool operator==(const OutputTree& one, const OutputTree& other) = default;
};

}  // namespace nnapi::session
