// ANeuralNetworks_…, ANeuralNetworksDevice_…
#include "host/device/device_list.h"

#include "host/abi/handles.h"
#include "host/execution/execution.h"
#include "host/operation/extension_registry.h"

using namespace nnapi::host;

namespace {

// Gives one fact about the device.
template <class T, class Fact>
Status query(const char* function, const ANeuralNetworksDevice* device, T* target, Fact fact) {
  if (device == nullptr || target == nullptr) return null_argument(function);
  return guarded(function, [&]() -> Status {
    const Device* found;
    if (Status status = find_device(function, device, &found)) return status;
    *target = fact(*found);
    return kOk;
  });
}

}  // namespace

int64_t ANeuralNetworks_getRuntimeFeatureLevel() { return Device().feature_level; }
uint64_t ANeuralNetworks_getDefaultLoopTimeout() { return kDefaultLoopTimeout; }
uint64_t ANeuralNetworks_getMaximumLoopTimeout() { return kMaximumLoopTimeout; }

int ANeuralNetworks_getDeviceCount(uint32_t* numDevices) {
  if (numDevices == nullptr) return null_argument("getDeviceCount");
  return guarded("getDeviceCount", [&]() -> Status {
    const Devices* devices;
    if (Status status = all_devices("getDeviceCount", &devices)) return status;
    *numDevices = static_cast<uint32_t>(devices->size());
    return kOk;
  });
}

int ANeuralNetworks_getDevice(uint32_t devIndex, ANeuralNetworksDevice** device) {
  if (device == nullptr) return null_argument("getDevice");
  return guarded("getDevice", [&]() -> Status {
    const Devices* devices;
    if (Status status = all_devices("getDevice", &devices)) return status;
    if (devIndex >= devices->size())
      return fail(ANEURALNETWORKS_BAD_DATA, "getDevice: index %u, the number of devices is %zu",
                  devIndex, devices->size());
    *device =
        reinterpret_cast<ANeuralNetworksDevice*>(const_cast<Device*>((*devices)[devIndex].get()));
    return kOk;
  });
}

int ANeuralNetworksDevice_getName(const ANeuralNetworksDevice* device, const char** name) {
  return query("Device_getName", device, name, [](const Device& d) { return d.name.c_str(); });
}

int ANeuralNetworksDevice_getType(const ANeuralNetworksDevice* device, int32_t* type) {
  return query("Device_getType", device, type, [](const Device& d) { return d.type; });
}

int ANeuralNetworksDevice_getVersion(const ANeuralNetworksDevice* device, const char** version) {
  return query("Device_getVersion", device, version,
               [](const Device& d) { return d.version.c_str(); });
}

int ANeuralNetworksDevice_getFeatureLevel(const ANeuralNetworksDevice* device,
                                          int64_t* featureLevel) {
  return query("Device_getFeatureLevel", device, featureLevel,
               [](const Device& d) { return d.feature_level; });
}

int ANeuralNetworksDevice_wait(const ANeuralNetworksDevice* device) {
  bool ready;
  return query("Device_wait", device, &ready, [](const Device&) { return true; });
}

int ANeuralNetworksDevice_getExtensionSupport(const ANeuralNetworksDevice* device,
                                              const char* extensionName,
                                              bool* isExtensionSupported) {
  if (extensionName == nullptr) return null_argument("Device_getExtensionSupport");
  return query("Device_getExtensionSupport", device, isExtensionSupported, [&](const Device& d) {
    return !d.simulated && extension_code(extensionName, 0) != 0;
  });
}
