// A piece that an NNAPI library runs.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "loader/executor.h"
#include "session/border/check_and_convert.h"
#include "session/driver_check/verdict.h"
#include "session/libraries.h"
#include "session/pieces/cut_model.h"
#include "session/pieces/piece.h"

namespace nnapi::session {

// What all NNAPI pieces of a session have in common.
struct NnapiSetting {
  Libraries& libraries;
  const Options& options;
  std::string identity;  // of the file, for tokens of cached compilations
  bool relaxed = false;
  uint64_t weight_bytes = 0;  // of all the file's weights
  Verdicts verdicts;          // of the target's driver, by the file's models; none: trusted

  // Of the library, for a model that the token's `name` tells from all others of the file.
  loader::Options loader_options(const std::string& name, LibraryRole role) const;
  // Is there another library than our own, or other devices than the processor?
  bool has_driver() const { return !libraries.are_one() || !options.devices.empty(); }
};

using Weights = std::vector<std::span<const std::byte>>;

class NnapiPiece : public Piece {
 public:
  // `words` and `weights` must outlive it. Compiles the model, and where the library refuses that
  // and the options say so, for our own. Throws loader::Error, with the node that an operation came
  // from. `sizes` tells the model from the same at other sizes.
  NnapiPiece(const NnapiSpec& spec, std::span<const std::byte> words, const Weights& weights,
             const NnapiSetting& setting, Slots& slots, const std::string& sizes = "");

  void run(Run& run) const override;
  void profile(Run& run, std::vector<Cost>& costs) const override;
  void place(std::vector<Placement>& placements) const override;

  // For those who keep arrays in one place; null where two libraries run the piece.
  loader::Executor* executor() const { return executor_.get(); }
  std::span<const Crossing> inputs() const { return inputs_; }
  std::span<const Crossing> outputs() const { return outputs_; }
  loader::Error traced(const loader::Error& error) const;

  // Our own library's, where `error` is a driver's fault in a run and the options say that ours
  // stands in; else null. It lives as long as the piece.
  loader::Executor* stand_in_for(const loader::Error& error) const;
  // It ran where the driver failed, which is not tried again.
  void stand_in_ran(const loader::Error& error) const;

 private:
  std::vector<std::vector<uint32_t>> compute(std::span<const loader::ConstArray> arrays,
                                             const loader::Executor::Allocate& allocate) const;
  // Where the library refuses the model: for our own, or for both.
  void compile_elsewhere(std::span<const std::byte> words, const Weights& weights,
                         const NnapiSetting& setting, const std::string& token,
                         const loader::Error& refusal);
  std::vector<Crossing::Operand> operands(const Run& run) const;
  std::vector<Crossing> crossings(const std::vector<BorderSpec>& borders, const char* side,
                                  std::span<const loader::Border> operands) const;

  std::string model_;
  std::vector<Origin> origins_;
  std::string reason_;  // why it is not on the library that it was meant for
  std::unique_ptr<loader::Executor> executor_;
  std::unique_ptr<const CutModel> cut_;  // one of the two
  std::vector<int32_t> codes_;           // of operations
  std::vector<Crossing> inputs_, outputs_;
  std::vector<size_t> input_slots_, output_slots_;

  std::function<std::unique_ptr<loader::Executor>()> compile_for_host_;  // empty: not to be
  mutable std::mutex mutex_;
  mutable std::unique_ptr<loader::Executor> stand_in_;
  mutable std::string driver_failure_;
  mutable std::atomic<const loader::Executor*> replaced_by_ = nullptr;
};

}  // namespace nnapi::session
