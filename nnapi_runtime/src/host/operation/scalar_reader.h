// Reads an operation's scalar inputs one after the other.
#pragma once

#include <cstdint>

#include "host/operation/operation.h"

namespace nnapi::host {

class ScalarReader {
 public:
  ScalarReader(const Node& node, uint32_t first) : node_(node), next_(first) {}

  int32_t i32(int32_t fallback = 0) {
    const uint32_t i = advance();
    return node_.scalar<int32_t>(i, fallback);
  }
  bool flag(bool fallback = false) {
    const uint32_t i = advance();
    return node_.flag(i, fallback);
  }

  // Were all values known that are given at all? If not, infer answers node.later().
  bool complete() const { return complete_; }

 private:
  uint32_t advance() {
    if (node_.has(next_) && !node_.known(next_)) complete_ = false;
    return next_++;
  }

  const Node& node_;
  uint32_t next_;
  bool complete_ = true;
};

}  // namespace nnapi::host
