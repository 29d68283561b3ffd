// What every call that may fail returns.
#pragma once

#include "nnapi/neural_networks.h"

namespace nnapi::host {

// An NNAPI result code. The text that goes with a failure is kept apart (error.h; in operations, by
// the Node that made it).
using Status = int;
constexpr Status kOk = ANEURALNETWORKS_NO_ERROR;

}  // namespace nnapi::host
