// ANeuralNetworks_…, ANeuralNetworksDevice_… and the vendor extensions, of which there are none.
#include "host/device.h"

#include "host/abi/handles.h"
#include "host/execution.h"

using namespace nnapi::host;

namespace {

// Gives one fact about the device.
template <class T>
Status query(const char* function, const ANeuralNetworksDevice* device, T* target, T value) {
  if (device == nullptr || target == nullptr) return null_argument(function);
  if (!is_device(device))
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: not a device of this library", function);
  *target = value;
  return kOk;
}

Status no_extension(const char* function, const char* name) {
  return fail(ANEURALNETWORKS_BAD_DATA, "%s: no extension %s", function, name);
}

}  // namespace

int64_t ANeuralNetworks_getRuntimeFeatureLevel() { return host_device().feature_level; }
uint64_t ANeuralNetworks_getDefaultLoopTimeout() { return kDefaultLoopTimeout; }
uint64_t ANeuralNetworks_getMaximumLoopTimeout() { return kMaximumLoopTimeout; }

int ANeuralNetworks_getDeviceCount(uint32_t* numDevices) {
  if (numDevices == nullptr) return null_argument("getDeviceCount");
  *numDevices = 1;
  return kOk;
}

int ANeuralNetworks_getDevice(uint32_t devIndex, ANeuralNetworksDevice** device) {
  if (device == nullptr) return null_argument("getDevice");
  if (devIndex != 0)
    return fail(ANEURALNETWORKS_BAD_DATA, "getDevice: index %u, there is one device", devIndex);
  *device = reinterpret_cast<ANeuralNetworksDevice*>(const_cast<Device*>(&host_device()));
  return kOk;
}

int ANeuralNetworksDevice_getName(const ANeuralNetworksDevice* device, const char** name) {
  return query("Device_getName", device, name, host_device().name);
}

int ANeuralNetworksDevice_getType(const ANeuralNetworksDevice* device, int32_t* type) {
  return query("Device_getType", device, type, host_device().type);
}

int ANeuralNetworksDevice_getVersion(const ANeuralNetworksDevice* device, const char** version) {
  return query("Device_getVersion", device, version, host_device().version);
}

int ANeuralNetworksDevice_getFeatureLevel(const ANeuralNetworksDevice* device,
                                          int64_t* featureLevel) {
  return query("Device_getFeatureLevel", device, featureLevel, host_device().feature_level);
}

int ANeuralNetworksDevice_wait(const ANeuralNetworksDevice* device) {
  bool ready;
  return query("Device_wait", device, &ready, true);
}

int ANeuralNetworksDevice_getExtensionSupport(const ANeuralNetworksDevice* device,
                                              const char* extensionName,
                                              bool* isExtensionSupported) {
  if (extensionName == nullptr) return null_argument("Device_getExtensionSupport");
  return query("Device_getExtensionSupport", device, isExtensionSupported, false);
}

int ANeuralNetworksModel_getExtensionOperandType(ANeuralNetworksModel* model,
                                                 const char* extensionName, uint16_t,
                                                 int32_t* type) {
  constexpr const char* kFunction = "Model_getExtensionOperandType";
  if (extensionName == nullptr || type == nullptr) return null_argument(kFunction);
  return with<Model>(kFunction, model,
                     [&](Model&) { return no_extension(kFunction, extensionName); });
}

int ANeuralNetworksModel_getExtensionOperationType(ANeuralNetworksModel* model,
                                                   const char* extensionName, uint16_t,
                                                   ANeuralNetworksOperationType* type) {
  constexpr const char* kFunction = "Model_getExtensionOperationType";
  if (extensionName == nullptr || type == nullptr) return null_argument(kFunction);
  return with<Model>(kFunction, model,
                     [&](Model&) { return no_extension(kFunction, extensionName); });
}

int ANeuralNetworksModel_setOperandExtensionData(ANeuralNetworksModel* model, int32_t index,
                                                 const void* data, size_t length) {
  constexpr const char* kFunction = "Model_setOperandExtensionData";
  if (data == nullptr && length != 0) return null_argument(kFunction);
  return with<Model>(kFunction, model, [&](Model&) {
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: operand %d is not of an extension type", kFunction,
                index);
  });
}

int ANeuralNetworksCompilation_addExtensionAttribute(ANeuralNetworksCompilation* compilation,
                                                     const char* extensionName, uint16_t,
                                                     const void* data, size_t length) {
  constexpr const char* kFunction = "Compilation_addExtensionAttribute";
  if (extensionName == nullptr || (data == nullptr && length != 0)) return null_argument(kFunction);
  return with<Compilation>(kFunction, compilation,
                           [&](Compilation& c) { return c.refuse_extension(extensionName); });
}

int ANeuralNetworksExecution_addExtensionAttribute(ANeuralNetworksExecution* execution,
                                                   const char* extensionName, uint16_t,
                                                   const void* data, size_t length) {
  constexpr const char* kFunction = "Execution_addExtensionAttribute";
  if (extensionName == nullptr || (data == nullptr && length != 0)) return null_argument(kFunction);
  return with<Execution>(kFunction, execution,
                         [&](Execution& e) { return e.refuse_extension(extensionName); });
}
