#include "loader/devices.h"

#include <algorithm>

#include "loader/error.h"

namespace nnapi::loader {
namespace {

std::string type_text(int32_t type) {
  switch (type) {
    case ANEURALNETWORKS_DEVICE_CPU:
      return "cpu";
    case ANEURALNETWORKS_DEVICE_GPU:
      return "gpu";
    case ANEURALNETWORKS_DEVICE_ACCELERATOR:
      return "accelerator";
    case ANEURALNETWORKS_DEVICE_OTHER:
      return "other";
    default:
      return "unknown";
  }
}

bool tells_devices(const Library& library) {
  return library.ANeuralNetworks_getDeviceCount != nullptr &&
         library.ANeuralNetworks_getDevice != nullptr &&
         library.ANeuralNetworksDevice_getName != nullptr &&
         library.ANeuralNetworksDevice_getType != nullptr &&
         library.ANeuralNetworksDevice_getVersion != nullptr &&
         library.ANeuralNetworksDevice_getFeatureLevel != nullptr;
}

}  // namespace

#define NNAPI_ASK(function, ...) library.check(library.function(__VA_ARGS__), #function)

std::vector<Device> list_devices(const Library& library) {
  std::vector<Device> devices;
  if (!tells_devices(library)) return devices;
  uint32_t count = 0;
  NNAPI_ASK(ANeuralNetworks_getDeviceCount, &count);
  for (uint32_t i = 0; i < count; ++i) {
    ANeuralNetworksDevice* handle = nullptr;
    const char* name = "";
    const char* version = "";
    int32_t type = 0;
    Device device;
    NNAPI_ASK(ANeuralNetworks_getDevice, i, &handle);
    NNAPI_ASK(ANeuralNetworksDevice_getName, handle, &name);
    NNAPI_ASK(ANeuralNetworksDevice_getType, handle, &type);
    NNAPI_ASK(ANeuralNetworksDevice_getVersion, handle, &version);
    NNAPI_ASK(ANeuralNetworksDevice_getFeatureLevel, handle, &device.feature_level);
    device.handle = handle;
    device.name = name;
    device.type = type_text(type);
    device.version = version;
    devices.push_back(std::move(device));
  }
  return devices;
}

std::vector<const ANeuralNetworksDevice*> choose_devices(const Library& library,
                                                         std::span<const std::string> wanted) {
  const std::vector<Device> devices = list_devices(library);
  if (devices.empty() || library.ANeuralNetworksCompilation_createForDevices == nullptr) {
    throw ArgumentError(library.path() +
                        " has no devices to choose from, which libraries have since feature level "
                        "29 (Android 10); leave `devices` out");
  }
  std::vector<const ANeuralNetworksDevice*> chosen;
  for (const std::string& wish : wanted) {
    bool is_there = false;
    for (const Device& device : devices) {
      if (wish != device.name && wish != device.type &&
          !(wish == "npu" && device.type == "accelerator")) {
        continue;
      }
      is_there = true;
      if (std::find(chosen.begin(), chosen.end(), device.handle) == chosen.end()) {
        chosen.push_back(device.handle);
      }
    }
    if (is_there) continue;
    std::string all;
    for (const Device& device : devices) {
      all += (all.empty() ? "" : ", ") + device.name + " (" + device.type + ")";
    }
    throw ArgumentError("no device of " + library.path() + " is called or of type '" + wish +
                        "'; there are " + all);
  }
  return chosen;
}

}  // namespace nnapi::loader
