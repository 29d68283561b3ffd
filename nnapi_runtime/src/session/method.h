// One entry point of a model: arguments in, pieces one after another, results out.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "session/file/artifact.h"
#include "session/pieces/control_piece.h"
#include "session/pieces/external_piece.h"
#include "session/pieces/flexible_piece.h"
#include "session/pieces/nnapi_piece.h"
#include "session/state.h"

namespace nnapi::session {

// What a method needs of its session, which outlives it.
struct MethodSetting {
  const Artifact& artifact;
  NnapiSetting nnapi;
  PieceRunner* runner = nullptr;                      // null: there is no torch here
  std::function<void(const std::string&)> fell_back;  // told why a model runs in torch
};

// Flat results in the manifest's order, without those that are None.
using Results = std::vector<std::optional<Value>>;

// Threads may run it at once.
class Method {
 public:
  // Compiles all that can be compiled before sizes are known. Throws loader::Error.
  Method(const Manifest& manifest, const MethodSetting& setting);

  // One argument for each of the manifest's inputs. Results are without gaps; one that is an
  // argument as it was has what is foreign in that. `state` is read, and where the run ends well
  // changed; it is null where the manifest has none. Throws loader::Error, and what external
  // programs throw.
  Results run(std::vector<Value> arguments, const RunLimits& limits, State* state);
  // Leaves the state as it is.
  std::vector<Cost> profile(std::vector<Value> arguments, const RunLimits& limits,
                            const State* state);
  std::vector<Placement> placements() const;

  // Why all of it runs in torch; none: it does not.
  std::optional<std::string> fallback() const;

  // The only piece, where that takes the arguments and gives the results as they are; else null.
  const NnapiPiece* only_piece() const;

 private:
  using Shared = std::shared_ptr<const Pieces>;

  Pieces staged();
  std::unique_ptr<const Piece> piece_of(const PieceSpec& spec);
  std::unique_ptr<const Piece> nnapi_piece(const NnapiSpec& spec);
  std::unique_ptr<const Piece> external_piece(const TorchSpec& spec);
  // All of the model in torch; throws `error` where torch cannot run it either.
  Pieces whole(const loader::Error& error);
  Shared pieces() const;
  Run bound(std::vector<Value> arguments, const RunLimits& limits, const State* state) const;
  Results results(Run& run, const State* state) const;

  const Manifest& manifest_;
  MethodSetting setting_;
  Weights weights_;
  Slots slots_;
  std::vector<size_t> input_slots_;
  std::vector<size_t> states_, state_slots_;        // of the file's states, those that it reads
  std::vector<size_t> changed_, next_state_slots_;  // and those that it changes
  std::vector<std::optional<size_t>> result_slots_;
  std::vector<bool> result_is_constant_;
  std::vector<Value> initial_;  // constants, and room for the rest
  mutable std::mutex mutex_;
  Shared pieces_;
  std::optional<std::string> fallback_;
};

// Throws ArgumentError where the arguments are not what the manifest's inputs say. `name` is the
// model's.
void check_arguments(const Manifest& manifest, std::span<const Value> arguments,
                     const std::string& name);
// The sizes that the arguments have. Throws ArgumentError for one out of range.
KnownSizes sizes_of(const Manifest& manifest, std::span<const Value> arguments);

}  // namespace nnapi::session
