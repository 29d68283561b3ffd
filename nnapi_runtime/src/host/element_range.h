// Elementwise operations that follow each other are run block by block, all of them on one block
// before the next, so that what they hand on stays in the cache. The block is told to their loops
// here.
#pragma once

#include <cstdint>

namespace nnapi::host {

struct ElementRange {
  int64_t begin, end;
};

// The elements that the calling thread is to compute of the operation that it runs; null: all.
const ElementRange* element_range();

class ElementRangeScope {
 public:
  explicit ElementRangeScope(const ElementRange& range);
  ~ElementRangeScope();
  ElementRangeScope(const ElementRangeScope&) = delete;
  ElementRangeScope& operator=(const ElementRangeScope&) = delete;
};

}  // namespace nnapi::host
