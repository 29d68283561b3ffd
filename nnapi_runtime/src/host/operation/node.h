// The runtime's side of Node: how one is made.
#pragma once

#include "host/operation/operation.h"

namespace nnapi::host {

// What Node::later() returns.
constexpr Status kLater = -1;

class NodeBuilder {
 public:
  static void set_scratch(Node& node, void* scratch) { node.scratch_ = scratch; }
  static void set_relaxed(Node& node, bool relaxed) { node.relaxed_ = relaxed; }
  static void set_extension(Node& node, const ExtensionFunctions* extension) {
    node.extension_ = extension;
  }
  static void bind(Node& node, uint32_t num_inputs, const Tensor* const* inputs,
                   const bool* omitted, uint32_t num_outputs, Tensor* const* outputs,
                   char* message);
};

}  // namespace nnapi::host
