// Runs of elementwise steps that are computed block by block, all of them on one block before the
// next, and where what they hand on is kept meanwhile.
#pragma once

#include <cstdint>
#include <vector>

#include "host/arithmetic/element_loop.h"
#include "host/program/program.h"

namespace nnapi::host {

// Steps first to last, both included, whose outputs all have as many elements. What they read has
// as many, too, or comes from before the group.
struct ElementwiseGroup {
  uint32_t first, last;
};

// Slots hold a block each.
constexpr int kBlockSlots = 8;
constexpr int8_t kNoSlot = -1;

struct ElementwiseGroups {
  std::vector<ElementwiseGroup> groups;
  // By operand: the slot of what is used within a group only, or kNoSlot. Never that of an input of
  // the same step: loops that compute in place are not made vectors of.
  std::vector<int8_t> slots;
};

// loops: by step; only those that have one are grouped.
ElementwiseGroups find_elementwise_groups(const Model& model, const std::vector<Step>& steps,
                                          const std::vector<ElementLoop>& loops);

}  // namespace nnapi::host
