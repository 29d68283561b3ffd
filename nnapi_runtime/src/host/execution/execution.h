// One use of a compilation: its arguments, the computation, and what is known afterwards.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "host/execution/compilation.h"
#include "host/memory/memory.h"
#include "host/program/execution_frame.h"

namespace nnapi::host {

constexpr uint64_t kDefaultLoopTimeout = 2'000'000'000;  // nanoseconds
constexpr uint64_t kMaximumLoopTimeout = 15'000'000'000;

// An input or output, as the client gives it.
struct Argument {
  bool given = false;
  bool omitted = false;   // an optional input, or an output that nobody wants
  Dimensions dimensions;  // all that is known: the model's and the client's
  void* data = nullptr;
  size_t length = 0;
  std::shared_ptr<Memory> memory;  // where data is, unless it is the client's own
  // Of a quantised input whose client counts in other steps than the model: the client's.
  float scale = 0.0f;
  int32_t zero_point = 0;
  std::vector<uint8_t> converted;  // and the data in the model's steps
  // Of an output, after a computation.
  Shape result;
  bool insufficient = false;
};

class Execution {
 public:
  static constexpr uint32_t kMagic = 0x65786331;

  explicit Execution(std::shared_ptr<const Compilation> compilation);

  // ---- before the first computation
  Status set_pointer(Role role, uint32_t index, const ANeuralNetworksOperandType* type, void* data,
                     size_t length);
  Status set_memory(Role role, uint32_t index, const ANeuralNetworksOperandType* type,
                    std::shared_ptr<Memory> memory, size_t offset, size_t length);
  Status set_reusable(bool reusable);
  Status set_measure_timing(bool measure);
  Status set_timeout(uint64_t nanoseconds);
  Status set_loop_timeout(uint64_t nanoseconds);
  Status enable_padding(bool enable);
  Status set_profiling(bool enabled);
  Status refuse_extension(const char* name) const;

  // ---- computing
  // Claims the execution for one computation, which compute() then makes, on any thread.
  Status begin(const char* function);
  // duration: of this computation alone, in nanoseconds; 0: no limit. Leaves the text of a failure
  // in failure(), for whoever waits for it.
  Status compute(uint64_t duration = 0);
  // Ends a claimed computation that could not begin.
  Status abandon(Status status, Failure failure);

  // ---- afterwards
  Status output_rank(uint32_t index, uint32_t* rank) const;
  Status output_dimensions(uint32_t index, uint32_t* dimensions) const;
  Status duration(int32_t code, uint64_t* nanoseconds) const;
  Status profile(uint64_t* nanoseconds, uint32_t count) const;
  Failure failure() const;

  const std::shared_ptr<const Compilation>& compilation() const { return compilation_; }
  bool outputs_fully_specified() const;

 private:
  enum class State { kPreparing, kComputing, kDone };

  // execution_arguments.cpp
  const Operand& operand_of(Role role, uint32_t index) const;
  Argument& argument(Role role, uint32_t i) {
    return (role == Role::kInput ? inputs_ : outputs_)[i];
  }
  Status check_slot(Role role, uint32_t index);
  Status check_type(Role role, uint32_t index, const ANeuralNetworksOperandType* type,
                    bool may_be_unknown, Dimensions* dimensions) const;
  Status check_length(Role role, uint32_t index, const Dimensions& dimensions, size_t length) const;

  // Are they where they were at the last computation, whatever happens meanwhile?
  bool arguments_stay() const;

  Status check_preparing(const char* function) const;
  Status check_chosen_device(const char* function) const;
  Status check_output(const char* function, uint32_t index) const;
  Status refuse_incomplete(const char* function, const char* what, size_t index);
  Status run(uint64_t duration, Failure* failure);
  void lose_results();
  Status run_program(RunContext context, Failure* failure);
  Status bind(ExecutionFrame& frame, Failure* failure);
  Status collect(ExecutionFrame& frame, Status status, Failure* failure);
  Status end(Status status, Failure failure);

  const uint64_t number_;  // no other execution's
  std::shared_ptr<const Compilation> compilation_;
  std::vector<Argument> inputs_, outputs_;
  bool any_argument_ = false;
  bool reusable_ = false, measure_ = false, padding_ = false, profiling_ = false;
  uint64_t timeout_ = 0, loop_timeout_ = kDefaultLoopTimeout;
  std::vector<uint64_t> profile_;
  uint64_t elapsed_ = 0, computing_ = 0;  // in the driver, and on the hardware of it

  mutable std::mutex mutex_;  // of what follows
  State state_ = State::kPreparing;
  Status result_ = kOk;
  Failure failure_;
};

}  // namespace nnapi::host
