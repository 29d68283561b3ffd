// The devices that there are.
#pragma once

#include <cstdint>
#include <vector>

#include "host/device/device_file.h"

namespace nnapi::host {

// This machine's CPU; before it those of the file that the environment's NNAPI_HOST_DEVICES names,
// which is read once, or of the one that set_devices was given last. BAD_DATA where a file is
// wrong, at every call. Devices live until the process ends.
Status all_devices(const char* function, const Devices** devices);
// Null: no file.
Status set_devices(const char* function, const char* path);

// A list of devices that a client gives: not empty, no nulls, no duplicates, no strangers. They are
// found in the order that they have among all devices.
Status find_devices(const char* function, const ANeuralNetworksDevice* const* handles,
                    uint32_t count, std::vector<const Device*>* found);
Status find_device(const char* function, const ANeuralNetworksDevice* handle, const Device** found);

}  // namespace nnapi::host
