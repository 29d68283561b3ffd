// A device as a client sees it: this machine's CPU, or a simulated one, which takes what its driver
// would take, may be told to fail, and computes with our kernels all the same.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/device/fault.h"
#include "host/model/model.h"

namespace nnapi::host {

// For each operation that a driver takes, the types that its tensors may have.
using DeviceProfile = std::map<int32_t, std::set<int32_t>>;

class Device {
 public:
  // This machine's CPU.
  Device() = default;

  std::string name = "torch-nnapi-host", version = "1.0";
  int32_t type = ANEURALNETWORKS_DEVICE_CPU;
  int64_t feature_level = ANEURALNETWORKS_FEATURE_LEVEL_8;
  uint32_t index = 0;  // among all devices
  bool simulated = false;
  std::optional<DeviceProfile> profile;  // without one, it takes all that its level has
  bool caches = true;                    // what it compiles
  bool allocates = true;                 // device memories
  bool times_hardware = true, times_driver = true;
  std::vector<Fault> faults;

  // Why it does not take an operation; empty when it does.
  std::string why_not(const Model& model, const OperationNode& operation) const;
  // By how many steps its results of an operation are wrong.
  int32_t wrong_by(const OperationNode& operation) const;
  // It is asked to do something, and does what its faults say first.
  FaultOutcome call(CallPhase phase, const Deadline& deadline) const;

 private:
  mutable std::array<std::atomic<uint64_t>, 2> calls_{};  // by phase
};

}  // namespace nnapi::host
