// The devices of an NNAPI library, and those that a client wants of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "loader/library.h"

namespace nnapi::loader {

struct Device {
  const ANeuralNetworksDevice* handle = nullptr;
  std::string name;
  std::string type;  // "cpu", "gpu", "accelerator", "other", "unknown"
  std::string version;
  int64_t feature_level = 0;
};

// All devices, in the library's order; none where it cannot tell (below feature level 29). Throws
// CallError.
std::vector<Device> list_devices(const Library& library);

// The devices that are wanted, each by its name or all of a type; "npu" is an accelerator. In the
// order of the wishes, each once. Throws ArgumentError, which lists all, for a wish that none is,
// and where the library lets nobody choose.
std::vector<const ANeuralNetworksDevice*> choose_devices(const Library& library,
                                                         std::span<const std::string> wanted);

}  // namespace nnapi::loader
