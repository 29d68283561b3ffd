// A piece of a model, ready to run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "session/manifest/pieces.h"
#include "session/pieces/run.h"

namespace nnapi::session {

// What one NNAPI operation, or a whole piece of another kind, took.
struct Cost {
  Origin origin;
  std::optional<int32_t> code;  // NNAPI's, of an operation
  uint64_t nanoseconds = 0;
};

// Where an NNAPI operation, or a whole piece of another kind, runs.
struct Placement {
  Origin origin;
  std::optional<int32_t> code;
  std::string library;  // its path; "torch" for a piece that runs there
  std::string reason;   // why not where it was meant to run; empty: it does
};

// Threads may run a piece at once.
class Piece {
 public:
  virtual ~Piece() = default;

  // Reads its inputs from the run's values and adds its outputs. Throws loader::Error.
  virtual void run(Run& run) const = 0;
  // Runs once more, and adds what that cost.
  virtual void profile(Run& run, std::vector<Cost>& costs) const = 0;
  virtual void place(std::vector<Placement>& placements) const = 0;
};

using Pieces = std::vector<std::unique_ptr<const Piece>>;

}  // namespace nnapi::session
