#include "host/program/execution_frame.h"

#include <algorithm>
#include <cstring>

#include "host/device/wrong_results.h"
#include "host/kernels/row_fusion/row_chain.h"
#include "host/model/validation.h"
#include "host/program/control_flow.h"
#include "host/program/fused_elementwise.h"
#include "host/program/stored_weights.h"
#include "host/threads/time_limit.h"

namespace nnapi::host {
namespace {

size_t byte_count(const Tensor& tensor) { return tensor.count() * element_size(tensor.type); }

bool is_aligned(const void* data, int32_t type) {
  return reinterpret_cast<uintptr_t>(data) % element_size(type) == 0;
}

}  // namespace

ExecutionFrame::ExecutionFrame(const Program& program)
    : program_(program),
      tensors_(program.model().shapes().tensors),
      nodes_(program.model(), tensors_.data(), program.relaxed()),
      omitted_(omitted_operands(program.model())),
      shaped_(tensors_.size(), false),
      output_of_(tensors_.size(), kNoOutput),
      outputs_(program.model().outputs().size()),
      own_(tensors_.size()),
      remembered_(program.model().operations().size()) {
  const auto& outputs = program.model().outputs();
  for (uint32_t i = 0; i < outputs.size(); ++i) output_of_[outputs[i]] = i;
  auto* arena = static_cast<uint8_t*>(grown(arena_, program.arena_bytes()));
  for (const Step& step : program.steps())
    NodeBuilder::set_scratch(nodes_[step.number], arena + step.scratch_offset);
}

void ExecutionFrame::set_input(uint32_t i, const void* data, const Shape& shape) {
  const uint32_t operand = program_.model().inputs()[i];
  Tensor& tensor = tensors_[operand];
  tensor.shape = shape;
  tensor.data = const_cast<void*>(data);
  bound_to_ = 0;
  if (!is_aligned(data, tensor.type)) {
    copies_inputs_ = true;
    tensor.data = own_memory(operand, byte_count(tensor));
    std::memcpy(tensor.data, data, byte_count(tensor));
  }
  if (omitted_[operand]) omitted_changed_ = true;
  omitted_[operand] = false;
}

void ExecutionFrame::omit_input(uint32_t i) {
  bound_to_ = 0;
  const uint32_t operand = program_.model().inputs()[i];
  tensors_[operand].data = nullptr;
  if (!omitted_[operand]) omitted_changed_ = true;
  omitted_[operand] = true;
}

uint64_t ExecutionFrame::input_bytes() const {
  uint64_t bytes = 0;
  for (uint32_t operand : program_.model().inputs())
    if (!omitted_[operand]) bytes += byte_count(tensors_[operand]);
  return bytes;
}

void ExecutionFrame::set_output(uint32_t i, void* data, size_t capacity) {
  bound_to_ = 0;
  outputs_[i] = {data, capacity, false, false};
}

// Brings everything into the state that it has before the first step.
void ExecutionFrame::bind() {
  const Model& model = program_.model();
  const InferredShapes& shapes = model.shapes();
  if (omitted_changed_) {
    nodes_.set_omitted(omitted_);
    for (Remembered& memory : remembered_) memory.valid = false;
    omitted_changed_ = false;
  }
  as_planned_ = true;
  for (uint32_t operand : model.inputs()) {
    shaped_[operand] = !omitted_[operand];
    if (shapes.known[operand] &&
        (omitted_[operand] || !(tensors_[operand].shape == shapes.tensors[operand].shape)))
      as_planned_ = false;
  }
  // When nothing is found out at run time, temporaries are where the last run left them.
  if (as_planned_ && bound_as_planned_ && program_.all_fixed()) {
    for (uint32_t operand : model.outputs()) bind_planned(operand);
    return;
  }
  if (held_bytes_ > memory_limit_ / 2) release_own_memory();
  for (uint32_t operand = 0; operand < tensors_.size(); ++operand) {
    const Lifetime lifetime = model.operands()[operand].lifetime;
    if (lifetime != Lifetime::kTemporary && lifetime != Lifetime::kOutput) continue;
    shaped_[operand] = as_planned_ && shapes.known[operand];
    tensors_[operand].shape = shapes.tensors[operand].shape;
    tensors_[operand].data = nullptr;
    if (shaped_[operand]) bind_planned(operand);
  }
}

void ExecutionFrame::bind_planned(uint32_t operand) {
  place(operand, false);
  if (const uint32_t output = output_of_[operand]; output != kNoOutput) {
    Output& out = outputs_[output];
    const bool elsewhere = out.data != nullptr && tensors_[operand].data != out.data;
    out.insufficient = elsewhere && byte_count(tensors_[operand]) > out.capacity;
    out.copy_back = elsewhere && !out.insufficient;
  }
}

void* ExecutionFrame::grown(Buffer& buffer, size_t bytes) {
  const size_t before = buffer.size();
  const uint64_t others = held_bytes_ - before;
  if (bytes > before) check_memory(bytes - before, others + bytes, memory_limit_);
  held_bytes_ = others;
  void* data = buffer.reserve(bytes);
  held_bytes_ += buffer.size();
  return data;
}

void ExecutionFrame::release_own_memory() {
  const auto& operands = program_.model().operands();
  for (uint32_t operand = 0; operand < own_.size(); ++operand) {
    if (operands[operand].lifetime == Lifetime::kInput) continue;  // a copy that was just made
    held_bytes_ -= own_[operand].size();
    own_[operand].release();
  }
  held_bytes_ -= scratch_.size();
  scratch_.release();
}

void ExecutionFrame::place(uint32_t operand, bool bounded) {
  Tensor& tensor = tensors_[operand];
  const size_t bytes = byte_count(tensor);
  if (const uint32_t output = output_of_[operand]; output != kNoOutput) {
    const Output& out = outputs_[output];
    const bool fits =
        out.data != nullptr && bytes <= out.capacity && is_aligned(out.data, tensor.type);
    // A bound says nothing about what the client must have room for.
    tensor.data = fits && !bounded ? out.data : own_memory(operand, bytes);
    return;
  }
  const size_t offset = program_.arena_offset(operand);
  if (as_planned_ && offset == Program::kInBlocks) {
    tensor.data = nullptr;
    return;
  }
  if (as_planned_ && offset != Program::kNotPlanned && !bounded)
    tensor.data = static_cast<uint8_t*>(arena_.data()) + offset;
  else
    tensor.data = own_memory(operand, bytes);
}

void ExecutionFrame::settle(uint32_t operand) {
  shaped_[operand] = true;
  const uint32_t output = output_of_[operand];
  if (output == kNoOutput) return;
  Output& out = outputs_[output];
  const Tensor& tensor = tensors_[operand];
  const bool elsewhere = out.data != nullptr && tensor.data != out.data;
  out.insufficient = elsewhere && byte_count(tensor) > out.capacity;
  out.copy_back = false;
  if (elsewhere && !out.insufficient) std::memcpy(out.data, tensor.data, byte_count(tensor));
}

Status ExecutionFrame::assign(uint32_t operand, const Tensor& value, std::string* message) {
  if (!agrees(program_.model().operands()[operand], value.shape, message))
    return ANEURALNETWORKS_BAD_DATA;
  tensors_[operand].shape = value.shape;
  place(operand, false);
  std::memcpy(tensors_[operand].data, value.data, byte_count(value));
  settle(operand);
  return kOk;
}

bool ExecutionFrame::any_insufficient() const {
  for (const Output& out : outputs_)
    if (out.insufficient) return true;
  return false;
}

Status ExecutionFrame::run(const RunContext& context) {
  memory_limit_ = context.memory_limit;
  check_memory(0, program_.arena_bytes(), memory_limit_);
  bind();
  bound_as_planned_ = false;
  const bool all_planned = as_planned_ && program_.all_fixed();
  constexpr Status kTooSmall = ANEURALNETWORKS_OUTPUT_INSUFFICIENT_SIZE;
  if (all_planned && any_insufficient()) {
    failure_ = {"an output buffer is too small", -1};
    return kTooSmall;
  }
  if (Status status = run_steps(context)) return status;
  bound_as_planned_ = all_planned;
  copy_back();
  if (!any_insufficient()) return kOk;
  failure_ = {"an output buffer is too small", -1};
  return kTooSmall;
}

void ExecutionFrame::stay_bound_to(uint64_t client) {
  if (bound_as_planned_ && !copies_inputs_) bound_to_ = client;
}

Status ExecutionFrame::run_again(const RunContext& context) {
  if (Status status = run_steps(context)) return status;
  copy_back();
  return kOk;
}

void ExecutionFrame::copy_back() {
  for (uint32_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i].copy_back) std::memcpy(outputs_[i].data, output(i).data, byte_count(output(i)));
}

Status ExecutionFrame::run_steps(const RunContext& context) {
  const auto& steps = program_.steps();
  for (uint32_t i = 0; i < steps.size(); ++i) {
    if (as_planned_ && steps[i].group) {
      if (Status status = run_group(i, context)) return status;
      i = steps[i].group->last_step();
    } else if (as_planned_ && steps[i].chain) {
      if (Status status = run_chain(i, context)) return status;
      i += static_cast<uint32_t>(steps[i].chain->stages()) - 1;
    } else if (as_planned_ && steps[i].is_stored) {
      continue;
    } else if (Status status = run_step(steps[i], context)) {
      return status;
    }
  }
  return kOk;
}

Status missed_within(std::string* message) {
  *message = "the computation's time was over within this operation";
  return ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT;
}

Status ExecutionFrame::fail_within(const Step& step) {
  std::string message;
  const Status status = missed_within(&message);
  failure_ = {
      format("operation %u (%s): %s", step.number, step.operation->entry->name, message.c_str()),
      static_cast<int32_t>(step.number)};
  return status;
}

void ExecutionFrame::make_wrong(const Step& step, const RunContext& context) {
  if (context.wrong_by.empty() || context.wrong_by[step.number] == 0) return;
  for (uint32_t i = 0; i < step.operation->outputs.size(); ++i)
    host::make_wrong(nodes_[step.number].out(i), context.wrong_by[step.number]);
}

Status ExecutionFrame::run_step(const Step& step, const RunContext& context) {
  const bool profiling = context.profile != nullptr;
  const Clock::time_point start = profiling ? Clock::now() : Clock::time_point();
  nodes_.clear_message();
  std::string message;
  Status status = kOk;
  if (has_passed(context.deadline)) {
    status = ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT;
    message = "the computation's time is over before this operation";
  } else if (step.is_control_flow()) {
    status = run_control_flow(*this, step, context, &message);
  } else if (as_planned_ && step.fixed) {
    const TimeLimit limit(context.deadline);
    if (step.stored)
      step.stored->run(nodes_[step.number]);
    else
      status = step.implementation->run(nodes_[step.number], step.prepared.get());
    if (status == kOk && limit.has_cut()) status = missed_within(&message);
    if (status == kOk) make_wrong(step, context);
  } else {
    status = run_dynamic(step, context, &message);
  }
  if (profiling) context.profile[step.number] = (Clock::now() - start).count();
  if (status == kOk) return kOk;
  failure_ = {format("operation %u (%s): %s", step.number, step.operation->entry->name,
                     message.empty() ? nodes_.message() : message.c_str()),
              static_cast<int32_t>(step.number)};
  return status;
}

}  // namespace nnapi::host
