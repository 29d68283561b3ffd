// prepare for operations that need scratch memory and nothing else beforehand.
#pragma once

#include <memory>

#include "host/memory/scratch.h"
#include "host/operation/operation.h"

namespace nnapi::host {

// `Memory` is all that the operation uses during a run; its constructor takes (const Node&,
// ScratchCursor&), and in prepare the cursor only counts.
template <class Memory>
std::unique_ptr<Prepared> prepare_scratch(const Node& node) {
  auto prepared = std::make_unique<Prepared>();
  ScratchCursor scratch;
  Memory(node, scratch);
  prepared->scratch_bytes = scratch.bytes();
  return prepared;
}

}  // namespace nnapi::host
