// Pieces that the session cannot run itself: torch's.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "session/pieces/piece.h"

namespace nnapi::session {

// A program that is ready. Threads may run it at once.
class ExternalProgram {
 public:
  virtual ~ExternalProgram() = default;

  // One value for each of the piece's outputs. Inputs are without gaps, quantised tensors are their
  // integers, and those that the program or the caller made have what is foreign in them. Keeps to
  // `limits`. May throw anything; the session passes it on.
  virtual std::vector<Value> run(std::span<const Value> inputs, const RunLimits& limits) = 0;
};

// Whoever has torch. The session calls it from any thread that loads or runs a model.
class PieceRunner {
 public:
  virtual ~PieceRunner() = default;

  // Throws loader::Error for a program that is missing or damaged, or where there is no torch.
  virtual std::unique_ptr<ExternalProgram> prepare(const TorchSpec& piece) = 0;
};

class ExternalPiece : public Piece {
 public:
  ExternalPiece(const TorchSpec& spec, PieceRunner& runner, Slots& slots);

  void run(Run& run) const override;
  void profile(Run& run, std::vector<Cost>& costs) const override;
  void place(std::vector<Placement>& placements) const override;

 private:
  std::string program_name_;
  std::vector<size_t> inputs_, outputs_;
  std::unique_ptr<ExternalProgram> program_;
};

}  // namespace nnapi::session
