// IF and WHILE: operations that run other models.
#pragma once

#include <cstdint>
#include <string>

#include "host/operation.h"

namespace nnapi::host {

class Frame;
struct RunContext;
struct Step;

// Positions of their inputs. The values for the models follow.
enum : uint32_t { kIfCondition = 0, kIfThen = 1, kIfElse = 2, kIfFirstValue = 3 };
enum : uint32_t { kWhileCondition = 0, kWhileBody = 1, kWhileFirstValue = 2 };

// Runs an IF or WHILE step of `frame`.
Status run_control_flow(Frame& frame, const Step& step, const RunContext& context,
                        std::string* message);

}  // namespace nnapi::host
