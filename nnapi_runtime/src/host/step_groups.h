// Runs of elementwise steps that are computed block by block.
#pragma once

#include <cstdint>
#include <vector>

#include "host/program.h"

namespace nnapi::host {

constexpr int64_t kGroupBlock = 4096;  // elements

// Steps first to last, both included, whose outputs all have as many elements. What they read has
// as many, too, or comes from before the group.
struct StepGroup {
  uint32_t first, last;
};

std::vector<StepGroup> group_steps(const Model& model, const std::vector<Step>& steps);

}  // namespace nnapi::host
