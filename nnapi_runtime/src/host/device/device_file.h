// Simulated devices as a JSON file says them (docs/host_devices.md).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/device/device.h"

namespace nnapi::host {

using Devices = std::vector<std::unique_ptr<const Device>>;

// Its CPU alone.
Devices this_machine();

// The file's devices, and after them this machine's CPU. Throws json::Error, which names the file
// and the place in it.
Devices read_devices(const std::string& path);

}  // namespace nnapi::host
