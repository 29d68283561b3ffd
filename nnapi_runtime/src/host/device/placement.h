// Which device computes which operation of a model.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/device/device.h"
#include "host/memory/memory.h"

namespace nnapi::host {

// Operations that one device is called with at once.
struct Part {
  const Device* device;
  std::vector<uint32_t> operations;  // by number, in the order in which they run
};

class Placement {
 public:
  // Each operation goes to the first of the devices, by their index, that takes it; parts are as
  // large as they can be without waiting for themselves. BAD_DATA for an operation that none takes.
  static Status make(const Model& model, std::span<const Device* const> devices,
                     Placement* placement);
  // All of it on one device, whatever that takes.
  static Placement on(const Model& model, const Device& device);

  // In an order in which they can run.
  const std::vector<Part>& parts() const { return parts_; }
  bool has_simulated() const;
  // By operation: by how much its results are wrong; empty where all are right.
  std::vector<int32_t> wrong_by(const Model& model) const;
  // Devices that read an input of the model, or write an output; each once.
  std::vector<const Device*> users(const Model& model, Role role, uint32_t index) const;

 private:
  std::vector<Part> parts_;
};

}  // namespace nnapi::host
