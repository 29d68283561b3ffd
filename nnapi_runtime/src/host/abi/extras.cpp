// nnapi_host_…
#include "nnapi/host_extras.h"

#include "host/abi/handles.h"
#include "host/device/device_list.h"
#include "host/execution/execution.h"
#include "host/operation/opset.h"
#include "host/program/place_buffers.h"
#include "host/threads/thread_limit.h"
#include "host/threads/thread_pool.h"

using namespace nnapi::host;

const char* nnapi_host_last_error(void) { return last_failure().text.c_str(); }

int32_t nnapi_host_last_error_operation(void) { return last_failure().operation; }

const char* nnapi_host_operation_name(int32_t code) {
  const OpsetEntry* entry = find_operation(code);
  return entry != nullptr && entry->operation != nullptr ? entry->operation->name : nullptr;
}

void nnapi_host_set_num_threads(int32_t count) {
  ThreadPool::instance();  // sets the default, which this replaces
  set_pool_size(count);
}

int nnapi_host_model_set_strict(ANeuralNetworksModel* model, bool strict) {
  return with<Model>("model_set_strict", model, [&](Model& m) { return m.set_strict(strict); });
}

int nnapi_host_compilation_set_num_threads(ANeuralNetworksCompilation* compilation,
                                           uint32_t count) {
  return with<Compilation>("compilation_set_num_threads", compilation,
                           [&](Compilation& c) { return c.set_num_threads(count); });
}

int nnapi_host_compilation_set_memory_limit(ANeuralNetworksCompilation* compilation, uint64_t bytes,
                                            uint32_t times_inputs) {
  return with<Compilation>("compilation_set_memory_limit", compilation, [&](Compilation& c) {
    return c.set_memory_limit({bytes, times_inputs});
  });
}

int nnapi_host_compilation_memory(const ANeuralNetworksCompilation* compilation, uint64_t* peak,
                                  uint64_t* sum) {
  constexpr const char* kFunction = "compilation_memory";
  if (peak == nullptr || sum == nullptr) return null_argument(kFunction);
  return with<Compilation>(kFunction, compilation, [&](Compilation& c) -> Status {
    if (Status status = c.check_ready(kFunction)) return status;
    *peak = c.program().arena_bytes();
    *sum = c.program().unshared_bytes();
    return kOk;
  });
}

int nnapi_host_set_devices(const char* path) {
  return guarded("set_devices", [&] { return set_devices("set_devices", path); });
}

int nnapi_host_compilation_get_placement(const ANeuralNetworksCompilation* compilation,
                                         uint32_t* devices, uint32_t* parts, uint32_t count) {
  constexpr const char* kFunction = "compilation_get_placement";
  if (devices == nullptr || parts == nullptr) return null_argument(kFunction);
  return with<Compilation>(kFunction, compilation, [&](Compilation& c) -> Status {
    if (Status status = c.check_ready(kFunction)) return status;
    if (const size_t has = c.model().operations().size(); count != has)
      return fail(ANEURALNETWORKS_BAD_DATA, "%s: room for %u operations, the model has %zu",
                  kFunction, count, has);
    for (uint32_t i = 0; i < c.placement().parts().size(); ++i)
      for (uint32_t number : c.placement().parts()[i].operations) {
        devices[number] = c.placement().parts()[i].device->index;
        parts[number] = i;
      }
    return kOk;
  });
}

int nnapi_host_execution_set_profiling(ANeuralNetworksExecution* execution, bool enabled) {
  return with<Execution>("execution_set_profiling", execution,
                         [&](Execution& e) { return e.set_profiling(enabled); });
}

int nnapi_host_execution_get_profile(const ANeuralNetworksExecution* execution,
                                     uint64_t* nanoseconds, uint32_t count) {
  if (nanoseconds == nullptr) return null_argument("execution_get_profile");
  return with<Execution>("execution_get_profile", execution,
                         [&](Execution& e) { return e.profile(nanoseconds, count); });
}

int nnapi_host_plan_memory(uint32_t count, const uint64_t* bytes, const uint32_t* first,
                           const uint32_t* last, uint64_t* offsets, uint64_t* peak) {
  constexpr const char* kFunction = "plan_memory";
  if (!bytes || !first || !last || !offsets || !peak) return null_argument(kFunction);
  return guarded(kFunction, [&] {
    std::vector<BufferUse> uses;
    for (uint32_t i = 0; i < count; ++i) uses.push_back({bytes[i], first[i], last[i]});
    const ArenaPlan plan = plan_arena(uses);
    for (uint32_t i = 0; i < count; ++i) offsets[i] = plan.offsets[i];
    *peak = plan.peak;
    return kOk;
  });
}
