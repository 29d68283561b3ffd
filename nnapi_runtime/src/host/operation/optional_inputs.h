// Inputs of a model may be left out as late as when it runs.
#pragma once

#include "host/operation/operation.h"

namespace nnapi::host {

// Is it certain that input i will be given when the model runs?
inline bool certainly_given(const Node& node, uint32_t i) {
  return node.has(i) && (node.in(i).constant || node.known(i));
}

}  // namespace nnapi::host
