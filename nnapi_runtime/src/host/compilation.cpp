#include "host/compilation.h"

#include <algorithm>

#include "host/cache.h"
#include "host/error.h"
#include "host/frame.h"

namespace nnapi::host {

Clock::duration bounded_duration(uint64_t nanoseconds) {
  constexpr uint64_t kHundredYears = 100ull * 366 * 24 * 3600 * 1000000000;
  return std::chrono::nanoseconds(std::min(nanoseconds, kHundredYears));
}

Status Compilation::check_open(const char* function) const {
  if (!finished_) return kOk;
  return fail(ANEURALNETWORKS_BAD_STATE, "Compilation_%s: the compilation is finished already",
              function);
}

Status Compilation::check_ready(const char* function) const {
  if (is_ready()) return kOk;
  return fail(ANEURALNETWORKS_BAD_STATE, "%s: the compilation %s", function,
              finished_ ? "has failed" : "is not finished");
}

Status Compilation::set_preference(int32_t preference) {
  if (Status status = check_open("setPreference")) return status;
  if (preference < ANEURALNETWORKS_PREFER_LOW_POWER ||
      preference > ANEURALNETWORKS_PREFER_SUSTAINED_SPEED)
    return fail(ANEURALNETWORKS_BAD_DATA, "Compilation_setPreference: no preference %d",
                preference);
  return kOk;  // there is one way to compute here
}

Status Compilation::set_priority(int32_t priority) {
  if (Status status = check_open("setPriority")) return status;
  if (priority != ANEURALNETWORKS_PRIORITY_LOW && priority != ANEURALNETWORKS_PRIORITY_MEDIUM &&
      priority != ANEURALNETWORKS_PRIORITY_HIGH)
    return fail(ANEURALNETWORKS_BAD_DATA, "Compilation_setPriority: no priority %d", priority);
  return kOk;  // executions are not queued, so none can overtake another
}

Status Compilation::set_timeout(uint64_t nanoseconds) {
  if (Status status = check_open("setTimeout")) return status;
  if (!explicit_device_)
    return fail(ANEURALNETWORKS_BAD_DATA,
                "Compilation_setTimeout: the compilation was not made by createForDevices");
  timeout_.reset();
  if (nanoseconds > 0) timeout_ = bounded_duration(nanoseconds);
  return kOk;
}

Status Compilation::set_caching(const char* directory, const uint8_t* token) {
  if (Status status = check_open("setCaching")) return status;
  cache_directory_ = directory;
  cache_token_.emplace();
  std::copy_n(token, cache_token_->size(), cache_token_->begin());
  return kOk;
}

Status Compilation::set_num_threads(uint32_t count) {
  if (Status status = check_open("set_num_threads")) return status;
  num_threads_ = static_cast<int>(std::min<uint32_t>(count, 1024));
  return kOk;
}

Status Compilation::refuse_extension(const char* name) const {
  if (Status status = check_open("addExtensionAttribute")) return status;
  return fail(ANEURALNETWORKS_BAD_DATA, "Compilation_addExtensionAttribute: no extension %s", name);
}

Status Compilation::finish() {
  if (Status status = check_open("finish")) return status;
  finished_ = true;
  Deadline deadline;
  if (timeout_) deadline = Clock::now() + *timeout_;
  ProgramMap programs;
  std::shared_ptr<const Program> program;
  std::optional<CompilationCache> cache;
  if (cache_token_) cache.emplace(cache_directory_, *cache_token_, *model_);
  {
    const PackingScope packing(cache ? cache->sequence() : nullptr);
    if (Status status = Program::build(model_, model_->relaxed(), deadline, &programs, &program))
      return status;
  }
  if (cache) cache->save();
  // The first execution finds its memory ready.
  if (program->all_fixed()) program->give_back(program->take_frame());
  program_ = std::move(program);
  return kOk;
}

Status Compilation::check_argument(Role role, uint32_t index) const {
  if (Status status = check_ready("Compilation_getPreferredMemory…")) return status;
  const size_t count = (role == Role::kInput ? model_->inputs() : model_->outputs()).size();
  if (index < count) return kOk;
  return fail(ANEURALNETWORKS_BAD_DATA, "Compilation_getPreferredMemory…: %s %u of %zu",
              role == Role::kInput ? "input" : "output", index, count);
}

Status Compilation::preferred_alignment(Role role, uint32_t index, uint32_t* alignment) const {
  if (Status status = check_argument(role, index)) return status;
  *alignment = Buffer::kAlignment;
  return kOk;
}

Status Compilation::preferred_padding(Role role, uint32_t index, uint32_t* padding) const {
  if (Status status = check_argument(role, index)) return status;
  *padding = 1;  // nothing is read or written past the end
  return kOk;
}

}  // namespace nnapi::host
