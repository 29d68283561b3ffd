// A converted model, ready to be called.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "session/file/artifact.h"
#include "session/named_method.h"
#include "session/options.h"
#include "session/state.h"

namespace nnapi::session {

// Threads may share a session; where the model has state, their calls take turns. It does not move.
class Session {
 public:
  // `runner` runs torch's pieces; null: there is no torch. `fell_back` is told, in the thread that
  // loads or runs the model, why all of it runs in torch. Throws loader::Error, whose text begins
  // with the artifact's name.
  Session(std::shared_ptr<const Artifact> artifact, const Options& options,
          std::shared_ptr<PieceRunner> runner = nullptr,
          std::function<void(const std::string&)> fell_back = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Artifact& artifact() const;
  const Options& options() const;

  // The methods of the file, in order; of a file of one model: "forward".
  std::vector<std::string> methods() const;
  // The same session, with the same state, as one of its methods. Throws ArgumentError for another
  // name.
  std::unique_ptr<Session> method(const std::string& name) const;
  // Is it one of several methods, or the only one? What is said of "the model" below is said of it,
  // and throws ArgumentError where there is none.
  bool is_method() const { return method_ != nullptr; }
  const Manifest& manifest() const { return only_method().manifest(); }

  // As Method's, of the one that is for the arguments' sizes where there are several.
  Results run(std::vector<Value> arguments, const std::atomic<bool>* cancelled = nullptr);
  // Leaves the state as it is.
  std::vector<Cost> profile(std::vector<Value> arguments);
  // Null where the model is more than one NNAPI piece from its arguments to its results.
  const NnapiPiece* only_piece() const;

  // Of all methods, where it is none of them.
  std::vector<Placement> placements() const;
  std::optional<std::string> fallback() const;

  // What all methods remember, in the order of the artifact's states.
  void reset();
  Value state(size_t i) const;  // a copy
  void set_state(size_t i, const Value& value);
  // Another session over the same compiled models and weights, which goes on from this state by
  // itself.
  std::unique_ptr<Session> fork() const;

 private:
  struct Shared;
  struct Kept {
    std::mutex mutex;
    std::unique_ptr<State> state;  // null where there is none
  };

  Session(std::shared_ptr<Shared> shared, std::shared_ptr<Kept> kept, NamedMethod* method);
  NamedMethod& only_method() const;
  std::vector<const NamedMethod*> meant() const;

  std::shared_ptr<Shared> shared_;  // by all forks
  std::shared_ptr<Kept> kept_;      // by all methods
  NamedMethod* method_ = nullptr;
};

}  // namespace nnapi::session
