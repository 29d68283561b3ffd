#include "host/execution/compilation.h"

#include <algorithm>

#include "host/base/error.h"
#include "host/base/hash.h"
#include "host/base/operand_types.h"
#include "host/model/constant_bytes.h"
#include "host/model/model_hash.h"
#include "host/program/execution_frame.h"

namespace nnapi::host {
namespace {

// Packed weights take seldom more than four times what they are made of, which is 16 bits as floats
// for Winograd's tiles. The rest is for what is padded to whole vectors.
constexpr size_t kMostPacked = 8, kFreePackedBytes = size_t{32} << 20;

}  // namespace

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
  if (!has_chosen_device())
    return fail(ANEURALNETWORKS_BAD_DATA,
                "Compilation_setTimeout: the compilation was not made by createForDevices with one "
                "device");
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

Status Compilation::set_memory_limit(const MemoryLimit& limit) {
  if (Status status = check_open("set_memory_limit")) return status;
  memory_limit_ = limit;
  return kOk;
}

Status Compilation::refuse_extension(const char* name) const {
  if (Status status = check_open("addExtensionAttribute")) return status;
  return fail(ANEURALNETWORKS_BAD_DATA, "Compilation_addExtensionAttribute: no extension %s", name);
}

Status Compilation::place(Deadline* deadline) {
  const Device& last = *devices_.back();
  if (!last.simulated && devices_.size() == 1) {
    placement_ = Placement::on(*model_, last);
    return kOk;
  }
  if (Status status = Placement::make(*model_, devices_, &placement_)) return status;
  for (const Part& part : placement_.parts()) {
    const FaultOutcome outcome = part.device->call(CallPhase::kPrepare, *deadline);
    if (outcome.ignores_deadline) deadline->reset();
    if (outcome.status == kOk) continue;
    if (chosen_) return fail(outcome.status, {"Compilation_finish: " + outcome.text, -1});
    log_line(outcome.text + ": the CPU computes the whole model");
    placement_ = Placement::on(*model_, last);
    break;
  }
  wrong_by_ = placement_.wrong_by(*model_);
  return kOk;
}

Status Compilation::call_devices(Deadline* deadline, std::vector<int32_t>* wrong_by,
                                 Failure* failure) const {
  *wrong_by = wrong_by_;
  for (const Part& part : placement_.parts()) {
    const FaultOutcome outcome = part.device->call(CallPhase::kRun, *deadline);
    if (outcome.ignores_deadline) deadline->reset();
    if (outcome.status == kOk) continue;
    if (chosen_) {
      *failure = {outcome.text, -1};
      return outcome.status;
    }
    log_line(outcome.text + ": the CPU computes in its place");
    if (!wrong_by->empty())
      for (uint32_t number : part.operations) (*wrong_by)[number] = 0;
  }
  return kOk;
}

// What one driver has compiled is of no use to another one, or to another version of it.
CacheToken Compilation::token_for_devices() const {
  CacheToken token = *cache_token_;
  Hash hash;
  for (const Part& part : placement_.parts()) {
    hash.add(part.device->name.data(), part.device->name.size());
    hash.add(part.device->version.data(), part.device->version.size());
    hash.add_list(part.operations);
  }
  const uint64_t value = hash.value();
  for (size_t i = 0; i < sizeof value; ++i) token[i] ^= static_cast<uint8_t>(value >> 8 * i);
  return token;
}

Status Compilation::finish() {
  if (Status status = check_open("finish")) return status;
  finished_ = true;
  Deadline deadline;
  if (timeout_) deadline = Clock::now() + *timeout_;
  if (Status status = place(&deadline)) return status;
  ProgramMap programs;
  std::shared_ptr<const Program> program;
  std::optional<CompilationCache> cache;
  const bool all_cache =
      std::ranges::all_of(placement_.parts(), [](const Part& part) { return part.device->caches; });
  if (cache_token_ && all_cache)
    cache.emplace(cache_directory_,
                  placement_.has_simulated() ? token_for_devices() : *cache_token_,
                  model_hash(*model_));
  {
    packing_budget_ =
        std::make_shared<PackingBudget>(kFreePackedBytes + kMostPacked * constant_bytes(*model_));
    const PackingScope packing(cache ? cache->sequence() : nullptr, packing_budget_);
    if (Status status =
            Program::build(model_, model_->relaxed(), deadline, &programs, &program, wrong_by_))
      return status;
  }
  if (cache) cache->save();
  check_memory(0, program->arena_bytes(), most_memory());
  // The first execution finds its memory ready.
  if (program->all_fixed()) program->give_back(program->take_frame());
  program_ = std::move(program);
  return kOk;
}

// Of any execution; no limit where that depends on its inputs.
uint64_t Compilation::most_memory() const {
  uint64_t inputs = 0;
  for (uint32_t input : model_->inputs()) {
    const Operand& operand = model_->operands()[input];
    uint32_t bytes = 0;
    if (!is_fully_known(operand.type, operand.dimensions) ||
        !byte_size(operand.type, operand.dimensions, &bytes))
      return UINT64_MAX;
    inputs += bytes;
  }
  return memory_limit_.with_inputs(inputs);
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
