#include "host/arithmetic/element_loop.h"

namespace nnapi::host {
namespace {

thread_local ElementLoop* t_asked_for = nullptr;

}  // namespace

ElementLoop* asked_for_loop() { return t_asked_for; }

ElementLoop loop_of(const Operation& operation, const Node& node, const Prepared* prepared) {
  ElementLoop loop;
  t_asked_for = &loop;
  operation.run(node, prepared);
  t_asked_for = nullptr;
  return loop;
}

}  // namespace nnapi::host
