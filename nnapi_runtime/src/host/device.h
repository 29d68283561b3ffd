// The one device: this machine's CPU.
#pragma once

#include <cstdint>

#include "host/operation.h"

namespace nnapi::host {

struct Device {
  const char* name;
  const char* version;
  int32_t type;
  int64_t feature_level;
};

const Device& host_device();

// Is it? (There is no other to be had from this library.)
bool is_device(const ANeuralNetworksDevice* device);

// A list of devices that a client gives: not empty, no nulls, no duplicates, no strangers.
Status check_devices(const char* function, const ANeuralNetworksDevice* const* devices,
                     uint32_t count);

}  // namespace nnapi::host
