// IF and WHILE: operations that run other models.
#pragma once

#include <cstdint>
#include <string>

#include "host/operation/control_flow_operands.h"
#include "host/operation/operation.h"

namespace nnapi::host {

class ExecutionFrame;
struct RunContext;
struct Step;

// Runs an IF or WHILE step of `frame`.
Status run_control_flow(ExecutionFrame& frame, const Step& step, const RunContext& context,
                        std::string* message);

}  // namespace nnapi::host
