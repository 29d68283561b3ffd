#include "host/execution/execution.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "host/base/error.h"
#include "host/threads/thread_limit.h"

namespace nnapi::host {
namespace {

Shape shape_of(const Dimensions& dimensions) { return Shape(dimensions.data(), dimensions.size()); }
Dimensions dimensions_of(const Shape& shape) { return Dimensions(shape.begin(), shape.end()); }

// Does a result have the dimensions that the client gave with the output, as far as it did?
bool is_as_announced(const Dimensions& announced, const Shape& result) {
  if (announced.empty()) return true;
  if (announced.size() != result.rank()) return false;
  for (uint32_t i = 0; i < result.rank(); ++i)
    if (announced[i] != 0 && announced[i] != result[i]) return false;
  return true;
}

uint64_t next_number() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

Execution::Execution(std::shared_ptr<const Compilation> compilation)
    : number_(next_number()),
      compilation_(std::move(compilation)),
      inputs_(compilation_->model().inputs().size()),
      outputs_(compilation_->model().outputs().size()) {}

Status Execution::check_preparing(const char* function) const {
  std::lock_guard lock(mutex_);
  if (state_ == State::kPreparing) return kOk;
  return fail(ANEURALNETWORKS_BAD_STATE, "%s: the execution has begun already", function);
}

Status Execution::check_chosen_device(const char* function) const {
  if (compilation_->has_chosen_device()) return kOk;
  return fail(ANEURALNETWORKS_BAD_DATA,
              "%s: the compilation was not made by createForDevices with one device", function);
}

Status Execution::set_reusable(bool reusable) {
  if (Status status = check_preparing("Execution_setReusable")) return status;
  reusable_ = reusable;
  return kOk;
}

Status Execution::set_measure_timing(bool measure) {
  if (Status status = check_chosen_device("Execution_setMeasureTiming")) return status;
  if (Status status = check_preparing("Execution_setMeasureTiming")) return status;
  measure_ = measure;
  return kOk;
}

Status Execution::set_timeout(uint64_t nanoseconds) {
  if (Status status = check_chosen_device("Execution_setTimeout")) return status;
  if (Status status = check_preparing("Execution_setTimeout")) return status;
  timeout_ = nanoseconds;
  return kOk;
}

Status Execution::set_loop_timeout(uint64_t nanoseconds) {
  if (Status status = check_preparing("Execution_setLoopTimeout")) return status;
  loop_timeout_ = std::min(nanoseconds, kMaximumLoopTimeout);
  return kOk;
}

Status Execution::enable_padding(bool enable) {
  constexpr const char* kFunction = "Execution_enableInputAndOutputPadding";
  if (Status status = check_preparing(kFunction)) return status;
  if (any_argument_)
    return fail(ANEURALNETWORKS_BAD_STATE, "%s: an input or output was set before", kFunction);
  padding_ = enable;
  return kOk;
}

Status Execution::set_profiling(bool enabled) {
  std::lock_guard lock(mutex_);
  if (state_ == State::kComputing)
    return fail(ANEURALNETWORKS_BAD_STATE, "set_profiling: the execution is computing");
  profiling_ = enabled;
  profile_.clear();
  return kOk;
}

Status Execution::refuse_extension(const char* name) const {
  constexpr const char* kFunction = "Execution_addExtensionAttribute";
  if (Status status = check_preparing(kFunction)) return status;
  return fail(ANEURALNETWORKS_BAD_DATA, "%s: no extension %s", kFunction, name);
}

// It has ended then, as after any other failure.
Status Execution::refuse_incomplete(const char* function, const char* what, size_t index) {
  state_ = State::kDone;
  result_ = ANEURALNETWORKS_BAD_DATA;
  failure_ = {format("%s: %s %zu was not set", function, what, index), -1};
  return fail(result_, failure_);
}

Status Execution::begin(const char* function) {
  std::lock_guard lock(mutex_);
  if (state_ == State::kComputing)
    return fail(ANEURALNETWORKS_BAD_STATE, "%s: the execution is computing", function);
  if (state_ == State::kDone && !reusable_)
    return fail(ANEURALNETWORKS_BAD_STATE, "%s: the execution has ended and is not reusable",
                function);
  for (const auto* list : {&inputs_, &outputs_})
    for (size_t i = 0; i < list->size(); ++i)
      if (!(*list)[i].given)
        return refuse_incomplete(function, list == &inputs_ ? "input" : "output", i);
  state_ = State::kComputing;
  return kOk;
}

Status Execution::end(Status status, Failure failure) {
  std::lock_guard lock(mutex_);
  state_ = State::kDone;
  result_ = status;
  failure_ = std::move(failure);
  return status;
}

Status Execution::abandon(Status status, Failure failure) {
  return end(status, std::move(failure));
}

Status Execution::compute(uint64_t duration) {
  const Clock::time_point start = measure_ ? Clock::now() : Clock::time_point();
  Failure failure;
  Status status;
  try {
    status = run(duration, &failure);
  } catch (const NotEnoughMemory& error) {
    status = ANEURALNETWORKS_OUT_OF_MEMORY;
    failure.text = error.what();
  } catch (const std::bad_alloc&) {
    status = ANEURALNETWORKS_OUT_OF_MEMORY;
    failure.text = "there is not enough memory for the computation";
  }
  // What is wrong with a model or an argument was not seen before it was computed with.
  if (status == ANEURALNETWORKS_BAD_DATA) status = ANEURALNETWORKS_OP_FAILED;
  if (measure_) elapsed_ = (Clock::now() - start).count();
  return end(status, std::move(failure));
}

Status Execution::run(uint64_t duration, Failure* failure) {
  RunContext context;
  if (timeout_ > 0 || duration > 0) {
    const uint64_t shorter = timeout_ == 0   ? duration
                             : duration == 0 ? timeout_
                                             : std::min(timeout_, duration);
    context.deadline = Clock::now() + bounded_duration(shorter);
  }
  context.loop_timeout = bounded_duration(loop_timeout_);
  if (profiling_) {
    profile_.assign(compilation_->model().operations().size(), 0);
    context.profile = profile_.data();
  }
  std::vector<int32_t> wrong_by;
  if (Status status = compilation_->call_devices(&context.deadline, &wrong_by, failure)) {
    lose_results();
    return status;
  }
  context.wrong_by = wrong_by;
  const Clock::time_point start = measure_ ? Clock::now() : Clock::time_point();
  const Status status = run_program(context, failure);
  if (measure_) computing_ = (Clock::now() - start).count();
  return status;
}

// What was in memories that are to be written is lost whatever happens.
void Execution::lose_results() {
  for (const Argument& output : outputs_)
    if (output.memory && output.memory->has_roles()) output.memory->set_initialized(false);
}

Status Execution::run_program(RunContext context, Failure* failure) {
  const Program& program = compilation_->program();
  const ThreadLimit limit(compilation_->num_threads());
  const PackingScope packing(nullptr, compilation_->packing_budget());
  FrameLease frame(program);
  if (frame->is_bound_to(number_)) {
    const Status status = frame->run_again(context);
    if (status != kOk) *failure = frame->failure();
    return status;
  }
  lose_results();
  if (Status status = bind(*frame, failure)) return status;
  context.memory_limit = compilation_->memory_limit().with_inputs(frame->input_bytes());
  const Status status = frame->run(context);
  if (status != kOk) *failure = frame->failure();
  if (status == kOk && reusable_ && arguments_stay()) frame->stay_bound_to(number_);
  return collect(*frame, status, failure);
}

namespace {

// A quantised input, from the client's scale and zero point to the model's.
const void* in_model_steps(const Operand& operand, Argument* input) {
  const bool is_signed = operand.type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED;
  const double ratio = static_cast<double>(input->scale) / operand.scale;
  const double least = is_signed ? -128 : 0, most = is_signed ? 127 : 255;
  const auto* from = static_cast<const uint8_t*>(input->data);
  input->converted.resize(input->length);
  for (size_t i = 0; i < input->length; ++i) {
    const int value = is_signed ? static_cast<int8_t>(from[i]) : from[i];
    const double step = std::round((value - input->zero_point) * ratio) + operand.zero_point;
    input->converted[i] = static_cast<uint8_t>(static_cast<int>(std::clamp(step, least, most)));
  }
  return input->converted.data();
}

}  // namespace

Status Execution::bind(ExecutionFrame& frame, Failure* failure) {
  for (uint32_t i = 0; i < inputs_.size(); ++i) {
    const Argument& input = inputs_[i];
    if (input.omitted) {
      frame.omit_input(i);
      continue;
    }
    const void* data = input.data;
    if (data == nullptr) {  // a memory with roles
      if (!input.memory->is_initialized() || input.memory->dimensions() != input.dimensions) {
        failure->text =
            format("input %u: %s", i,
                   input.memory->is_initialized() ? "the memory holds a tensor of another shape"
                                                  : "nothing was written to the memory yet");
        return ANEURALNETWORKS_BAD_DATA;
      }
      data = input.memory->data();
    } else if (input.scale > 0.0f) {
      data = in_model_steps(operand_of(Role::kInput, i), &inputs_[i]);
    }
    frame.set_input(i, data, shape_of(input.dimensions));
  }
  for (uint32_t i = 0; i < outputs_.size(); ++i) {
    Argument& output = outputs_[i];
    output.result = Shape();
    output.insufficient = false;
    // A memory with roles gets its size from the result.
    if (output.memory && output.memory->has_roles()) {
      const bool sized = output.memory->has_fixed_size();
      frame.set_output(i, sized ? output.memory->data() : nullptr, output.memory->size());
    } else {
      frame.set_output(i, output.data, output.length);
    }
  }
  return kOk;
}

Status Execution::collect(ExecutionFrame& frame, Status status, Failure* failure) {
  const bool has_results = status == kOk || status == ANEURALNETWORKS_OUTPUT_INSUFFICIENT_SIZE;
  for (uint32_t i = 0; i < outputs_.size(); ++i) {
    Argument& output = outputs_[i];
    Memory* memory = output.memory && output.memory->has_roles() ? output.memory.get() : nullptr;
    if (!has_results || !frame.has_shape(i)) continue;
    const Tensor& result = frame.output(i);
    output.result = result.shape;
    if (!is_as_announced(output.dimensions, result.shape)) {
      failure->text = format("output %u is %s, but was announced as %s", i,
                             to_string(result.shape).c_str(), to_string(output.dimensions).c_str());
      return ANEURALNETWORKS_BAD_DATA;
    }
    if (memory != nullptr) {
      const bool kept = memory->data() != result.data;
      if (!memory->settle(dimensions_of(result.shape))) {
        failure->text = format("output %u is %s, which the memory was not made for", i,
                               to_string(result.shape).c_str());
        return ANEURALNETWORKS_BAD_DATA;
      }
      if (kept) std::memcpy(memory->data(), result.data, memory->size());
      memory->set_initialized(status == kOk);
    } else if (frame.is_insufficient(i)) {
      output.insufficient = true;
      *failure = {format("output %u takes %zu bytes, its buffer has %zu", i,
                         result.shape.count() * element_size(result.type), output.length),
                  -1};
    }
  }
  return status;
}

}  // namespace nnapi::host
