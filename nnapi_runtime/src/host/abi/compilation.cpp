// ANeuralNetworksCompilation_…
#include "host/execution/compilation.h"

#include "host/abi/handles.h"
#include "host/device/device_list.h"

using namespace nnapi::host;

namespace {

// find: gives the devices.
template <class Find>
Status create(const char* function, ANeuralNetworksModel* model, bool chosen, Find find,
              ANeuralNetworksCompilation** compilation) {
  if (compilation == nullptr) return null_argument(function);
  *compilation = nullptr;
  return with_shared<Model>(function, model, [&](std::shared_ptr<Model> m) -> Status {
    std::vector<const Device*> devices;
    if (Status status = find(&devices)) return status;
    if (!m->finished())
      return fail(ANEURALNETWORKS_BAD_STATE, "%s: the model is not finished, or was refused",
                  function);
    give(std::make_shared<Compilation>(std::move(m), std::move(devices), chosen), compilation);
    return kOk;
  });
}

Status query(const char* function, const ANeuralNetworksCompilation* compilation, Role role,
             uint32_t index, uint32_t* value,
             Status (Compilation::*question)(Role, uint32_t, uint32_t*) const) {
  if (value == nullptr) return null_argument(function);
  return with<Compilation>(function, compilation,
                           [&](Compilation& c) { return (c.*question)(role, index, value); });
}

}  // namespace

int ANeuralNetworksCompilation_create(ANeuralNetworksModel* model,
                                      ANeuralNetworksCompilation** compilation) {
  constexpr const char* kFunction = "Compilation_create";
  const auto all = [&](std::vector<const Device*>* found) -> Status {
    const Devices* devices;
    if (Status status = all_devices(kFunction, &devices)) return status;
    for (const auto& device : *devices) found->push_back(device.get());
    return kOk;
  };
  return create(kFunction, model, false, all, compilation);
}

int ANeuralNetworksCompilation_createForDevices(ANeuralNetworksModel* model,
                                                const ANeuralNetworksDevice* const* devices,
                                                uint32_t numDevices,
                                                ANeuralNetworksCompilation** compilation) {
  constexpr const char* kFunction = "Compilation_createForDevices";
  if (model == nullptr || compilation == nullptr) return null_argument(kFunction);
  const auto chosen = [&](std::vector<const Device*>* found) {
    return find_devices(kFunction, devices, numDevices, found);
  };
  return create(kFunction, model, true, chosen, compilation);
}

void ANeuralNetworksCompilation_free(ANeuralNetworksCompilation* compilation) {
  release<Compilation>("Compilation_free", compilation);
}

int ANeuralNetworksCompilation_setCaching(ANeuralNetworksCompilation* compilation,
                                          const char* cacheDir, const uint8_t* token) {
  if (cacheDir == nullptr || token == nullptr) return null_argument("Compilation_setCaching");
  return with<Compilation>("Compilation_setCaching", compilation,
                           [&](Compilation& c) { return c.set_caching(cacheDir, token); });
}

int ANeuralNetworksCompilation_setPreference(ANeuralNetworksCompilation* compilation,
                                             int32_t preference) {
  return with<Compilation>("Compilation_setPreference", compilation,
                           [&](Compilation& c) { return c.set_preference(preference); });
}

int ANeuralNetworksCompilation_setPriority(ANeuralNetworksCompilation* compilation, int priority) {
  return with<Compilation>("Compilation_setPriority", compilation,
                           [&](Compilation& c) { return c.set_priority(priority); });
}

int ANeuralNetworksCompilation_setTimeout(ANeuralNetworksCompilation* compilation,
                                          uint64_t duration) {
  return with<Compilation>("Compilation_setTimeout", compilation,
                           [&](Compilation& c) { return c.set_timeout(duration); });
}

int ANeuralNetworksCompilation_finish(ANeuralNetworksCompilation* compilation) {
  return with<Compilation>("Compilation_finish", compilation,
                           [](Compilation& c) { return c.finish(); });
}

int ANeuralNetworksCompilation_getPreferredMemoryAlignmentForInput(
    const ANeuralNetworksCompilation* compilation, uint32_t index, uint32_t* alignment) {
  return query("Compilation_getPreferredMemoryAlignmentForInput", compilation, Role::kInput, index,
               alignment, &Compilation::preferred_alignment);
}

int ANeuralNetworksCompilation_getPreferredMemoryPaddingForInput(
    const ANeuralNetworksCompilation* compilation, uint32_t index, uint32_t* padding) {
  return query("Compilation_getPreferredMemoryPaddingForInput", compilation, Role::kInput, index,
               padding, &Compilation::preferred_padding);
}

int ANeuralNetworksCompilation_getPreferredMemoryAlignmentForOutput(
    const ANeuralNetworksCompilation* compilation, uint32_t index, uint32_t* alignment) {
  return query("Compilation_getPreferredMemoryAlignmentForOutput", compilation, Role::kOutput,
               index, alignment, &Compilation::preferred_alignment);
}

int ANeuralNetworksCompilation_getPreferredMemoryPaddingForOutput(
    const ANeuralNetworksCompilation* compilation, uint32_t index, uint32_t* padding) {
  return query("Compilation_getPreferredMemoryPaddingForOutput", compilation, Role::kOutput, index,
               padding, &Compilation::preferred_padding);
}
