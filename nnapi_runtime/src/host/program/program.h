// A model made ready to run: operations in order, what they prepared, and where temporaries lie.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "host/base/deadline.h"
#include "host/model/model.h"

namespace nnapi::host {

class FusedElementwise;
class ElementLoop;
class ExecutionFrame;
class Program;
class RowChain;
class StoredWeights;

// Programs of a main model and of all the models it refers to, each made once.
using ProgramMap = std::map<const Model*, std::shared_ptr<const Program>>;

struct Step {
  Step();
  Step(Step&&) noexcept;
  ~Step();

  uint32_t number;  // the operation's, in the model
  const OperationNode* operation;
  const Operation* implementation;
  // Output shapes and `prepared` hold for every execution whose inputs have the declared shapes.
  bool fixed = false;
  std::shared_ptr<const Prepared> prepared;  // alike steps share it
  size_t scratch_offset = 0;
  // Of the first step of a group.
  std::unique_ptr<const FusedElementwise> group;
  // Of the first step of a chain (row_fusion.h).
  std::unique_ptr<const RowChain> chain;
  // Of a product over integer weights as they are stored (stored_weights.h), and of the step that
  // need not make floats of them where it runs as planned.
  std::unique_ptr<const StoredWeights> stored;
  bool is_stored = false;
  // IF: then, else. WHILE: condition, body.
  std::shared_ptr<const Program> models[2];
  bool is_control_flow() const { return models[0] != nullptr; }
  // Its results are seen as a whole before another step reads them.
  bool apart = false;
};

class Program {
 public:
  static constexpr size_t kNotPlanned = SIZE_MAX;

  // Prepares every operation whose shapes are known. Fails with MISSED_DEADLINE_TRANSIENT when the
  // deadline passes first. Operations of the model itself whose number in `apart` is not 0 (there
  // may be none) are fused with no other.
  static Status build(std::shared_ptr<const Model> model, bool relaxed, const Deadline& deadline,
                      ProgramMap* programs, std::shared_ptr<const Program>* program,
                      std::span<const int32_t> apart = {});
  ~Program();

  const Model& model() const { return *model_; }
  bool relaxed() const { return relaxed_; }
  const std::vector<Step>& steps() const { return steps_; }
  static constexpr size_t kInBlocks = SIZE_MAX - 1;  // it is never there as a whole
  // Offset of an operand in the arena, or kNotPlanned, or kInBlocks.
  size_t arena_offset(uint32_t operand) const { return arena_offset_[operand]; }
  size_t arena_bytes() const { return arena_bytes_; }
  // What temporaries and scratch memory would take if they shared nothing.
  size_t unshared_bytes() const { return unshared_bytes_; }
  // Is nothing left to be found out at run time?
  bool all_fixed() const { return all_fixed_; }

  // The state of one run. Returned frames are used again, so that after the first run of as many
  // executions as run at once nothing is allocated.
  std::unique_ptr<ExecutionFrame> take_frame() const;
  void give_back(std::unique_ptr<ExecutionFrame> frame) const;

 private:
  explicit Program(std::shared_ptr<const Model> model);
  Status add_step(uint32_t number, const Deadline& deadline, ProgramMap* programs);
  // loops: by step, of those that are elementwise.
  Status prepare_steps(const Deadline& deadline, std::vector<ElementLoop>* loops);
  void plan(std::vector<ElementLoop> loops);

  std::shared_ptr<const Model> model_;
  bool relaxed_ = false;
  bool all_fixed_ = true;
  std::vector<Step> steps_;
  std::vector<size_t> arena_offset_;
  size_t arena_bytes_ = 0, unshared_bytes_ = 0;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<ExecutionFrame>> frames_;
};

}  // namespace nnapi::host
