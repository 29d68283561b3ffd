// What can be asked after a computation.
#include <algorithm>

#include "host/base/error.h"
#include "host/execution/execution.h"

namespace nnapi::host {

Status Execution::check_output(const char* function, uint32_t index) const {
  std::lock_guard lock(mutex_);
  if (state_ != State::kDone)
    return fail(ANEURALNETWORKS_BAD_STATE, "%s: the computation has not ended", function);
  if (result_ != kOk && result_ != ANEURALNETWORKS_OUTPUT_INSUFFICIENT_SIZE)
    return fail(ANEURALNETWORKS_BAD_STATE, "%s: the computation has failed", function);
  if (index >= outputs_.size())
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: output %u of %zu", function, index, outputs_.size());
  return kOk;
}

Status Execution::output_rank(uint32_t index, uint32_t* rank) const {
  if (Status status = check_output("Execution_getOutputOperandRank", index)) return status;
  *rank = outputs_[index].result.rank();
  return outputs_[index].insufficient ? ANEURALNETWORKS_OUTPUT_INSUFFICIENT_SIZE : kOk;
}

Status Execution::output_dimensions(uint32_t index, uint32_t* dimensions) const {
  constexpr const char* kFunction = "Execution_getOutputOperandDimensions";
  if (Status status = check_output(kFunction, index)) return status;
  const Shape& shape = outputs_[index].result;
  if (shape.rank() == 0)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: output %u is a scalar", kFunction, index);
  std::copy(shape.begin(), shape.end(), dimensions);
  return outputs_[index].insufficient ? ANEURALNETWORKS_OUTPUT_INSUFFICIENT_SIZE : kOk;
}

Status Execution::duration(int32_t code, uint64_t* nanoseconds) const {
  constexpr const char* kFunction = "Execution_getDuration";
  *nanoseconds = UINT64_MAX;
  if (code < ANEURALNETWORKS_DURATION_ON_HARDWARE ||
      code > ANEURALNETWORKS_FENCED_DURATION_IN_DRIVER)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: there is no duration %d", kFunction, code);
  std::lock_guard lock(mutex_);
  if (state_ != State::kDone || result_ != kOk)
    return fail(ANEURALNETWORKS_BAD_STATE, "%s: no computation has ended well", kFunction);
  if (!measure_)
    return fail(ANEURALNETWORKS_BAD_STATE, "%s: measuring was not asked for", kFunction);
  // Dependencies are waited for before the clock starts, so fenced ones are the same.
  const Device& device = compilation_->chosen_device();
  const bool driver = code == ANEURALNETWORKS_DURATION_IN_DRIVER ||
                      code == ANEURALNETWORKS_FENCED_DURATION_IN_DRIVER;
  if (driver ? device.times_driver : device.times_hardware)
    *nanoseconds = driver ? elapsed_ : computing_;
  return kOk;
}

Status Execution::profile(uint64_t* nanoseconds, uint32_t count) const {
  std::lock_guard lock(mutex_);
  if (state_ != State::kDone || profile_.empty())
    return fail(ANEURALNETWORKS_BAD_STATE, "get_profile: nothing was measured");
  if (count != profile_.size())
    return fail(ANEURALNETWORKS_BAD_DATA, "get_profile: room for %u operations, the model has %zu",
                count, profile_.size());
  std::copy(profile_.begin(), profile_.end(), nanoseconds);
  return kOk;
}

Failure Execution::failure() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

}  // namespace nnapi::host
