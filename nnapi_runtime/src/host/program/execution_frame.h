// One run of a program: the tensors, the memory behind them, and the loop over the steps.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/memory/buffer.h"
#include "host/memory/memory_limit.h"
#include "host/model/node_table.h"
#include "host/program/program.h"

namespace nnapi::host {

// What holds for a whole computation, submodels included.
struct RunContext {
  Deadline deadline;
  Clock::duration loop_timeout{};
  // By operation of the main model: nanoseconds that it took; steps by which its results are wrong,
  // as a simulated device's are (empty: all are right).
  uint64_t* profile = nullptr;
  std::span<const int32_t> wrong_by;
  uint64_t memory_limit = UINT64_MAX;  // bytes for what is between inputs and outputs
};

// The deadline passed within an operation, whose results are not whole.
Status missed_within(std::string* message);

// A program whose shapes are all known runs in the planned arena and allocates nothing. Steps whose
// shapes are not known, or every step when the inputs differ from what the plan was made for, go
// one by one: infer, allocate, prepare, run (dynamic_step.cpp).
class ExecutionFrame {
 public:
  explicit ExecutionFrame(const Program& program);

  // ---- before each run, for every input and output of the model
  void set_input(uint32_t i, const void* data, const Shape& shape);
  void omit_input(uint32_t i);
  // data null: the frame keeps the result in memory of its own. A result larger than `capacity` is
  // kept as well, and run ends with OUTPUT_INSUFFICIENT_SIZE.
  void set_output(uint32_t i, void* data, size_t capacity);

  // Of those that are given.
  uint64_t input_bytes() const;

  Status run(const RunContext& context);

  // A client that gives the same arguments again and again (`client` is its number, not zero) need
  // not do so where nothing depends on them but what is computed. After a run:
  void stay_bound_to(uint64_t client);
  // Before one, in place of giving them and of run().
  bool is_bound_to(uint64_t client) const { return bound_to_ == client; }
  Status run_again(const RunContext& context);

  // ---- after a run
  const Failure& failure() const { return failure_; }
  const Tensor& output(uint32_t i) const { return tensors_[program_.model().outputs()[i]]; }
  // Was its shape found before the run ended?
  bool has_shape(uint32_t i) const { return shaped_[program_.model().outputs()[i]]; }
  bool is_insufficient(uint32_t i) const { return outputs_[i].insufficient; }

  // ---- for control flow
  const Tensor& tensor(uint32_t operand) const { return tensors_[operand]; }
  bool is_omitted(uint32_t operand) const { return omitted_[operand]; }
  // Of the limit, what the models that this one calls may take.
  uint64_t memory_left() const {
    return held_bytes_ < memory_limit_ ? memory_limit_ - held_bytes_ : 0;
  }
  // Gives an output of the step being run the shape and contents of `value`.
  Status assign(uint32_t operand, const Tensor& value, std::string* message);

 private:
  static constexpr uint32_t kNoOutput = UINT32_MAX;
  struct Output {
    void* data = nullptr;
    size_t capacity = 0;
    bool insufficient = false;
    bool copy_back = false;  // computed in own_, belongs into data
  };
  // What an unplanned step made of the shapes that it saw last.
  struct Remembered {
    bool valid = false;
    std::vector<Shape> inputs, outputs;
    std::unique_ptr<Prepared> prepared;
  };

  void bind();
  void bind_planned(uint32_t operand);
  Status run_steps(const RunContext& context);
  void copy_back();
  Status run_step(const Step& step, const RunContext& context);
  Status run_group(uint32_t first, const RunContext& context);
  Status run_chain(uint32_t first, const RunContext& context);
  Status run_dynamic(const Step& step, const RunContext& context, std::string* message);
  // Makes a step's results as wrong as they are to be.
  void make_wrong(const Step& step, const RunContext& context);
  // The deadline passed while a step was computed.
  Status fail_within(const Step& step);
  Status infer_and_prepare(const Step& step, const Prepared** prepared, std::string* message);
  bool remembers(const Step& step, const Remembered& memory) const;
  // Finds memory for an operand whose shape, or the bound of it, has become known.
  void place(uint32_t operand, bool bounded);
  // Memory of the operand's own, of at least so many bytes. Throws NotEnoughMemory.
  void* own_memory(uint32_t operand, size_t bytes) { return grown(own_[operand], bytes); }
  void* grown(Buffer& buffer, size_t bytes);
  // What earlier runs needed may be in the way of the limit.
  void release_own_memory();
  // Its contents and final shape are there.
  void settle(uint32_t operand);
  bool any_insufficient() const;

  const Program& program_;
  std::vector<Tensor> tensors_;
  NodeTable nodes_;
  std::vector<bool> omitted_, shaped_;
  std::vector<uint32_t> output_of_;  // by operand: number of the model's output, or kNoOutput
  std::vector<Output> outputs_;
  bool as_planned_ = false;  // the inputs have the shapes that the plan was made for
  bool bound_as_planned_ = false;
  bool copies_inputs_ = false;  // has ever been given one that is not aligned
  uint64_t bound_to_ = 0;
  bool omitted_changed_ = false;
  Buffer arena_, scratch_;
  std::vector<Buffer> own_;  // by operand
  uint64_t held_bytes_ = 0;  // in the arena, own_ and scratch_
  uint64_t memory_limit_ = UINT64_MAX;
  std::vector<Remembered> remembered_;
  std::unique_ptr<Prepared> prepared_once_;
  Failure failure_;
};

// A frame for as long as it is needed.
class FrameLease {
 public:
  explicit FrameLease(const Program& program) : program_(program), frame_(program.take_frame()) {}
  ~FrameLease() { program_.give_back(std::move(frame_)); }
  FrameLease(const FrameLease&) = delete;
  FrameLease& operator=(const FrameLease&) = delete;
  ExecutionFrame* operator->() const { return frame_.get(); }
  ExecutionFrame& operator*() const { return *frame_; }

 private:
  const Program& program_;
  std::unique_ptr<ExecutionFrame> frame_;
};

}  // namespace nnapi::host
