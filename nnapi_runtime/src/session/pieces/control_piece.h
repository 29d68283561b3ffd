// Control flow that runs here, outside of NNAPI, around the pieces of its branches.
#pragma once

#include <functional>
#include <vector>

#include "session/pieces/piece.h"

namespace nnapi::session {

// Makes a piece of any kind.
using MakePiece = std::function<std::unique_ptr<const Piece>(const PieceSpec&)>;

// An `if` or a `while`.
class ControlPiece : public Piece {
 public:
  // `loop_timeout` in nanoseconds; 0: a loop may take as long as it likes.
  ControlPiece(const ControlSpec& spec, Slots& slots, uint64_t loop_timeout, const MakePiece& make);

  void run(Run& run) const override;
  void profile(Run& run, std::vector<Cost>& costs) const override;
  void place(std::vector<Placement>& placements) const override;

 private:
  struct Branch {
    std::vector<std::optional<size_t>> inputs;
    Pieces pieces;
    std::vector<size_t> outputs;
    std::string condition;  // the name of its first output, for messages
  };

  std::vector<Value> run_branch(const Branch& branch, std::vector<Value>& given, Run& run) const;
  std::vector<Value> loop(std::vector<Value> given, Run& run) const;

  std::string named_;  // the outputs, for messages
  std::optional<size_t> condition_;
  std::string condition_name_;
  size_t carried_;
  std::vector<size_t> operands_, outputs_, results_;
  std::vector<Branch> branches_;
  uint64_t loop_timeout_;
};

}  // namespace nnapi::session
