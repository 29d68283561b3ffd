#include "host/device/device_list.h"

#include <algorithm>
#include <cstdlib>
#include <list>
#include <mutex>
#include <string>
#include <utility>

#include "host/base/error.h"
#include "json/document.h"

namespace nnapi::host {
namespace {

class DeviceList {
 public:
  static DeviceList& instance() {
    static DeviceList* list = new DeviceList;  // lives until the process ends
    return *list;
  }

  Status get(const char* function, const Devices** devices) {
    std::lock_guard lock(mutex_);
    if (!read_) {
      const char* path = std::getenv("NNAPI_HOST_DEVICES");
      read(path != nullptr && *path != '\0' ? path : nullptr);
    }
    if (!error_.empty())
      return fail(ANEURALNETWORKS_BAD_DATA, "%s: the devices of %s", function, error_.c_str());
    *devices = &lists_.back();
    return kOk;
  }

  Status set(const char* function, const char* path) {
    {
      std::lock_guard lock(mutex_);
      read(path);
    }
    const Devices* devices;
    return get(function, &devices);
  }

 private:
  // Where there is no memory for it, what was before stays.
  void read(const char* path) {
    std::string error;
    try {
      lists_.push_back(path != nullptr ? read_devices(path) : this_machine());
    } catch (const json::Error& wrong) {
      error = wrong.what();
    }
    error_ = std::move(error);
    read_ = true;
  }

  std::mutex mutex_;
  bool read_ = false;
  std::string error_;
  std::list<Devices> lists_;  // the last one counts; compilations may have devices of others
};

}  // namespace

Status all_devices(const char* function, const Devices** devices) {
  return DeviceList::instance().get(function, devices);
}

Status set_devices(const char* function, const char* path) {
  return DeviceList::instance().set(function, path);
}

Status find_device(const char* function, const ANeuralNetworksDevice* handle,
                   const Device** found) {
  const Devices* devices;
  if (Status status = all_devices(function, &devices)) return status;
  for (const auto& device : *devices)
    if (device.get() == reinterpret_cast<const Device*>(handle)) {
      *found = device.get();
      return kOk;
    }
  return fail(ANEURALNETWORKS_BAD_DATA, "%s: not a device of this library", function);
}

Status find_devices(const char* function, const ANeuralNetworksDevice* const* handles,
                    uint32_t count, std::vector<const Device*>* found) {
  if (handles == nullptr)
    return fail(ANEURALNETWORKS_UNEXPECTED_NULL, "%s: the list of devices is null", function);
  if (count == 0)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: the list of devices is empty", function);
  found->clear();
  for (uint32_t i = 0; i < count; ++i) {
    if (handles[i] == nullptr)
      return fail(ANEURALNETWORKS_UNEXPECTED_NULL, "%s: device %u is null", function, i);
    const Device* device;
    if (Status status = find_device(function, handles[i], &device)) return status;
    if (std::ranges::find(*found, device) != found->end())
      return fail(ANEURALNETWORKS_BAD_DATA, "%s: device %u is listed twice", function, i);
    found->push_back(device);
  }
  std::ranges::sort(*found, {}, &Device::index);
  return kOk;
}

}  // namespace nnapi::host
