// A model compiled for devices.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/device/placement.h"
#include "host/memory/memory_limit.h"
#include "host/program/program.h"
#include "host/weights/compilation_cache.h"
#include "host/weights/packed_weights.h"

namespace nnapi::host {

class Compilation {
 public:
  static constexpr uint32_t kMagic = 0x636d7031;

  // devices: all that there are, or those that the client has chosen (createForDevices), in the
  // order in which they are asked for an operation.
  Compilation(std::shared_ptr<const Model> model, std::vector<const Device*> devices, bool chosen)
      : model_(std::move(model)), devices_(std::move(devices)), chosen_(chosen) {}

  // ---- before finish
  Status set_preference(int32_t preference);
  Status set_priority(int32_t priority);
  Status set_timeout(uint64_t nanoseconds);
  Status set_caching(const char* directory, const uint8_t* token);
  Status set_num_threads(uint32_t count);
  Status set_memory_limit(const MemoryLimit& limit);
  Status refuse_extension(const char* name) const;
  Status finish();

  // ---- after
  bool is_ready() const { return program_ != nullptr; }
  Status check_ready(const char* function) const;
  // Has the client chosen one device, as some settings require?
  bool has_chosen_device() const { return chosen_ && devices_.size() == 1; }
  // Calls the devices before a run. A device that fails ends it, if the client has chosen it;
  // otherwise the CPU computes in its place, and its results are right in `wrong_by`. A device that
  // does not listen to the deadline takes it away.
  Status call_devices(Deadline* deadline, std::vector<int32_t>* wrong_by, Failure* failure) const;
  const Placement& placement() const { return placement_; }
  const Device& chosen_device() const { return *devices_.front(); }
  const Model& model() const { return *model_; }
  const Program& program() const { return *program_; }
  int num_threads() const { return num_threads_; }
  const MemoryLimit& memory_limit() const { return memory_limit_; }
  // Of the weights that are packed by finish, and in executions whose shapes are known only then.
  const std::shared_ptr<PackingBudget>& packing_budget() const { return packing_budget_; }
  // What to align arguments to, and to pad them to, for them to be used without a copy.
  Status preferred_alignment(Role role, uint32_t index, uint32_t* alignment) const;
  Status preferred_padding(Role role, uint32_t index, uint32_t* padding) const;

 private:
  Status check_open(const char* function) const;
  uint64_t most_memory() const;
  // Decides which device computes what, and calls them.
  Status place(Deadline* deadline);
  CacheToken token_for_devices() const;
  Status check_argument(Role role, uint32_t index) const;

  std::shared_ptr<const Model> model_;
  std::vector<const Device*> devices_;
  bool chosen_;
  bool finished_ = false;
  int num_threads_ = 0;
  MemoryLimit memory_limit_;
  std::shared_ptr<PackingBudget> packing_budget_;
  std::optional<Clock::duration> timeout_;
  std::string cache_directory_;
  std::optional<CacheToken> cache_token_;
  Placement placement_;
  std::vector<int32_t> wrong_by_;  // by operation; empty: all results are right
  std::shared_ptr<const Program> program_;
};

// A duration that fits the clock, however long the client asks for.
Clock::duration bounded_duration(uint64_t nanoseconds);

}  // namespace nnapi::host
