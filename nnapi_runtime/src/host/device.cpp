#include "host/device.h"

#include "host/error.h"

namespace nnapi::host {

const Device& host_device() {
  static const Device device{"torch-nnapi-host", "1.0", ANEURALNETWORKS_DEVICE_CPU,
                             ANEURALNETWORKS_FEATURE_LEVEL_8};
  return device;
}

bool is_device(const ANeuralNetworksDevice* device) {
  return reinterpret_cast<const Device*>(device) == &host_device();
}

Status check_devices(const char* function, const ANeuralNetworksDevice* const* devices,
                     uint32_t count) {
  if (devices == nullptr)
    return fail(ANEURALNETWORKS_UNEXPECTED_NULL, "%s: the list of devices is null", function);
  if (count == 0)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: the list of devices is empty", function);
  for (uint32_t i = 0; i < count; ++i) {
    if (devices[i] == nullptr)
      return fail(ANEURALNETWORKS_UNEXPECTED_NULL, "%s: device %u is null", function, i);
    if (!is_device(devices[i]))
      return fail(ANEURALNETWORKS_BAD_DATA, "%s: device %u is not one of this library", function,
                  i);
  }
  if (count > 1) return fail(ANEURALNETWORKS_BAD_DATA, "%s: a device is listed twice", function);
  return kOk;
}

}  // namespace nnapi::host
