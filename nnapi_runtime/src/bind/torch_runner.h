// Torch's pieces, run by Python.
#pragma once

#include <nanobind/nanobind.h>

#include "session/pieces/external_piece.h"

namespace nnapi::bind {

// Calls `prepare(name, inputs, outputs, weights)` of Python for each piece that is to be run in
// torch, where inputs and outputs are names, and weights pairs of a number and steps ("permute" or
// "reshape", dims). That returns `run(tensors, deadline)`, which returns tensors; the deadline is
// one of time.monotonic_ns, or None.
class TorchRunner : public session::PieceRunner {
 public:
  // Needs the GIL, as its end does not.
  explicit TorchRunner(nanobind::object prepare) : prepare_(std::move(prepare)) {}
  ~TorchRunner() override;

  std::unique_ptr<session::ExternalProgram> prepare(const session::TorchSpec& piece) override;

 private:
  nanobind::object prepare_;
};

}  // namespace nnapi::bind
