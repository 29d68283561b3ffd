// Where a program's temporaries and scratch memory lie in its arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "host/program/elementwise_groups.h"
#include "host/program/place_buffers.h"
#include "host/program/program.h"

namespace nnapi::host {

struct ArenaLayout {
  std::vector<size_t> operands;  // by operand, as Program::arena_offset()
  std::vector<size_t> scratch;   // by step
  size_t bytes = 0;
  size_t unshared_bytes = 0;  // what all would take if they shared nothing
};

// A temporary of known shape lives from the step that writes it to the last one that reads it,
// scratch memory for one step. A group of steps counts as one; what has a slot in its blocks takes
// no memory. What only has another shape than its source lies where that does.
ArenaLayout lay_out_arena(const Model& model, const std::vector<Step>& steps,
                          const ElementwiseGroups& groups);

}  // namespace nnapi::host
