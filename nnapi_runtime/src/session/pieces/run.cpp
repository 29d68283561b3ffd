#include "session/pieces/run.h"

#include "loader/error.h"
#include "nnapi/neural_networks.h"
#include "session/json.h"

namespace nnapi::session {

RunLimits::RunLimits(uint64_t timeout, const std::atomic<bool>* cancelled)
    : timeout_(timeout), cancelled_(cancelled) {
  if (timeout != 0) deadline_ = Clock::now() + std::chrono::nanoseconds(timeout);
}

void RunLimits::check() const {
  if (cancelled_ != nullptr && cancelled_->load(std::memory_order_relaxed)) {
    throw loader::CallError(ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT, "", {},
                            "the run was cancelled");
  }
  if (deadline_ && Clock::now() > *deadline_) {
    throw loader::CallError(ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT, "", {},
                            "the run has not ended within " +
                                number_text(static_cast<double>(timeout_) / 1e9) +
                                " seconds; give it more with timeout");
  }
}

std::shared_ptr<std::byte> Run::place(size_t slot, size_t bytes) const {
  for (const Place& one : places) {
    if (one.slot == slot && one.bytes == bytes) return one.memory;
  }
  return nullptr;
}

}  // namespace nnapi::session
