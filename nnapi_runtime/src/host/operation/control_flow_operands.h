// The operands of IF and WHILE.
#pragma once

#include <cstdint>

namespace nnapi::host {

// Positions of their inputs. The values for the models follow.
enum : uint32_t { kIfCondition = 0, kIfThen = 1, kIfElse = 2, kIfFirstValue = 3 };
enum : uint32_t { kWhileCondition = 0, kWhileBody = 1, kWhileFirstValue = 2 };

}  // namespace nnapi::host
