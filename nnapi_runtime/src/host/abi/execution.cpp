// ANeuralNetworksExecution_…
#include "host/execution/execution.h"

#include "host/abi/handles.h"
#include "host/execution/burst.h"
#include "host/execution/event.h"

using namespace nnapi::host;

namespace {

Status compute_now(const char* function, Execution& execution) {
  if (Status status = execution.begin(function)) return status;
  const Status status = execution.compute();
  return status == kOk ? kOk : fail(status, execution.failure());
}

Status start(const char* function, std::shared_ptr<Execution> execution,
             std::vector<std::shared_ptr<Event>> dependencies, uint64_t duration,
             ANeuralNetworksEvent** event) {
  if (Status status = execution->begin(function)) return status;
  try {
    give(Event::start(execution, std::move(dependencies), duration), event);
  } catch (const std::bad_alloc&) {
    // Not for ever as one that is computing.
    execution->abandon(ANEURALNETWORKS_OUT_OF_MEMORY, {});
    throw;
  }
  return kOk;
}

Status set_pointer(const char* function, ANeuralNetworksExecution* execution, Role role,
                   int32_t index, const ANeuralNetworksOperandType* type, const void* buffer,
                   size_t length) {
  if (buffer == nullptr && length != 0) return null_argument(function);
  return with<Execution>(function, execution, [&](Execution& e) {
    return e.set_pointer(role, static_cast<uint32_t>(index), type, const_cast<void*>(buffer),
                         length);
  });
}

Status set_memory(const char* function, ANeuralNetworksExecution* execution, Role role,
                  int32_t index, const ANeuralNetworksOperandType* type,
                  const ANeuralNetworksMemory* memory, size_t offset, size_t length) {
  return with_shared<Memory>(function, memory, [&](std::shared_ptr<Memory> m) {
    return with<Execution>(function, execution, [&](Execution& e) {
      return e.set_memory(role, static_cast<uint32_t>(index), type, std::move(m), offset, length);
    });
  });
}

}  // namespace

int ANeuralNetworksExecution_create(ANeuralNetworksCompilation* compilation,
                                    ANeuralNetworksExecution** execution) {
  constexpr const char* kFunction = "Execution_create";
  if (execution == nullptr) return null_argument(kFunction);
  *execution = nullptr;
  return with_shared<Compilation>(kFunction, compilation,
                                  [&](std::shared_ptr<Compilation> c) -> Status {
                                    if (Status status = c->check_ready(kFunction)) return status;
                                    give(std::make_shared<Execution>(std::move(c)), execution);
                                    return kOk;
                                  });
}

void ANeuralNetworksExecution_free(ANeuralNetworksExecution* execution) {
  release<Execution>("Execution_free", execution);
}

int ANeuralNetworksExecution_setInput(ANeuralNetworksExecution* execution, int32_t index,
                                      const ANeuralNetworksOperandType* type, const void* buffer,
                                      size_t length) {
  return set_pointer("Execution_setInput", execution, Role::kInput, index, type, buffer, length);
}

int ANeuralNetworksExecution_setInputFromMemory(ANeuralNetworksExecution* execution, int32_t index,
                                                const ANeuralNetworksOperandType* type,
                                                const ANeuralNetworksMemory* memory, size_t offset,
                                                size_t length) {
  return set_memory("Execution_setInputFromMemory", execution, Role::kInput, index, type, memory,
                    offset, length);
}

int ANeuralNetworksExecution_setOutput(ANeuralNetworksExecution* execution, int32_t index,
                                       const ANeuralNetworksOperandType* type, void* buffer,
                                       size_t length) {
  return set_pointer("Execution_setOutput", execution, Role::kOutput, index, type, buffer, length);
}

int ANeuralNetworksExecution_setOutputFromMemory(ANeuralNetworksExecution* execution, int32_t index,
                                                 const ANeuralNetworksOperandType* type,
                                                 const ANeuralNetworksMemory* memory, size_t offset,
                                                 size_t length) {
  return set_memory("Execution_setOutputFromMemory", execution, Role::kOutput, index, type, memory,
                    offset, length);
}

int ANeuralNetworksExecution_setReusable(ANeuralNetworksExecution* execution, bool reusable) {
  return with<Execution>("Execution_setReusable", execution,
                         [&](Execution& e) { return e.set_reusable(reusable); });
}

int ANeuralNetworksExecution_setMeasureTiming(ANeuralNetworksExecution* execution, bool measure) {
  return with<Execution>("Execution_setMeasureTiming", execution,
                         [&](Execution& e) { return e.set_measure_timing(measure); });
}

int ANeuralNetworksExecution_setTimeout(ANeuralNetworksExecution* execution, uint64_t duration) {
  return with<Execution>("Execution_setTimeout", execution,
                         [&](Execution& e) { return e.set_timeout(duration); });
}

int ANeuralNetworksExecution_setLoopTimeout(ANeuralNetworksExecution* execution,
                                            uint64_t duration) {
  return with<Execution>("Execution_setLoopTimeout", execution,
                         [&](Execution& e) { return e.set_loop_timeout(duration); });
}

int ANeuralNetworksExecution_enableInputAndOutputPadding(ANeuralNetworksExecution* execution,
                                                         bool enable) {
  return with<Execution>("Execution_enableInputAndOutputPadding", execution,
                         [&](Execution& e) { return e.enable_padding(enable); });
}

int ANeuralNetworksExecution_compute(ANeuralNetworksExecution* execution) {
  return with<Execution>("Execution_compute", execution,
                         [](Execution& e) { return compute_now("Execution_compute", e); });
}

int ANeuralNetworksExecution_startCompute(ANeuralNetworksExecution* execution,
                                          ANeuralNetworksEvent** event) {
  constexpr const char* kFunction = "Execution_startCompute";
  if (event == nullptr) return null_argument(kFunction);
  *event = nullptr;
  return with_shared<Execution>(kFunction, execution, [&](std::shared_ptr<Execution> e) {
    return start(kFunction, std::move(e), {}, 0, event);
  });
}

int ANeuralNetworksExecution_startComputeWithDependencies(
    ANeuralNetworksExecution* execution, const ANeuralNetworksEvent* const* dependencies,
    uint32_t num_dependencies, uint64_t duration, ANeuralNetworksEvent** event) {
  constexpr const char* kFunction = "Execution_startComputeWithDependencies";
  if (event == nullptr) return null_argument(kFunction);
  *event = nullptr;
  if (dependencies == nullptr && num_dependencies != 0) return null_argument(kFunction);
  return with_shared<Execution>(kFunction, execution, [&](std::shared_ptr<Execution> e) -> Status {
    std::vector<std::shared_ptr<Event>> events;
    for (uint32_t i = 0; i < num_dependencies; ++i)
      if (Status status = with_shared<Event>(kFunction, dependencies[i],
                                             [&](std::shared_ptr<Event> dependency) {
                                               events.push_back(std::move(dependency));
                                               return kOk;
                                             }))
        return status;
    if (duration != 0 && !e->compilation()->has_chosen_device())
      return fail(ANEURALNETWORKS_BAD_DATA,
                  "%s: a duration needs a compilation made by createForDevices with one device",
                  kFunction);
    if (!e->outputs_fully_specified())
      return fail(ANEURALNETWORKS_BAD_DATA, "%s: an output's dimensions are not fully specified",
                  kFunction);
    return start(kFunction, std::move(e), std::move(events), duration, event);
  });
}

int ANeuralNetworksExecution_burstCompute(ANeuralNetworksExecution* execution,
                                          ANeuralNetworksBurst* burst) {
  constexpr const char* kFunction = "Execution_burstCompute";
  return with<Burst>(kFunction, burst, [&](Burst& b) {
    return with<Execution>(kFunction, execution, [&](Execution& e) -> Status {
      if (e.compilation() != b.compilation())
        return fail(ANEURALNETWORKS_BAD_DATA,
                    "%s: burst and execution are of different compilations", kFunction);
      if (!b.acquire())
        return fail(ANEURALNETWORKS_BAD_STATE, "%s: the burst is computing", kFunction);
      const Status status = compute_now(kFunction, e);
      b.release();
      return status;
    });
  });
}

int ANeuralNetworksExecution_getOutputOperandRank(ANeuralNetworksExecution* execution,
                                                  int32_t index, uint32_t* rank) {
  if (rank == nullptr) return null_argument("Execution_getOutputOperandRank");
  return with<Execution>("Execution_getOutputOperandRank", execution, [&](Execution& e) {
    return e.output_rank(static_cast<uint32_t>(index), rank);
  });
}

int ANeuralNetworksExecution_getOutputOperandDimensions(ANeuralNetworksExecution* execution,
                                                        int32_t index, uint32_t* dimensions) {
  if (dimensions == nullptr) return null_argument("Execution_getOutputOperandDimensions");
  return with<Execution>("Execution_getOutputOperandDimensions", execution, [&](Execution& e) {
    return e.output_dimensions(static_cast<uint32_t>(index), dimensions);
  });
}

int ANeuralNetworksExecution_getDuration(const ANeuralNetworksExecution* execution,
                                         int32_t durationCode, uint64_t* duration) {
  if (duration == nullptr) return null_argument("Execution_getDuration");
  return with<Execution>("Execution_getDuration", execution,
                         [&](Execution& e) { return e.duration(durationCode, duration); });
}

int ANeuralNetworksBurst_create(ANeuralNetworksCompilation* compilation,
                                ANeuralNetworksBurst** burst) {
  if (burst == nullptr) return null_argument("Burst_create");
  *burst = nullptr;
  return with_shared<Compilation>("Burst_create", compilation,
                                  [&](std::shared_ptr<Compilation> c) -> Status {
                                    if (Status status = c->check_ready("Burst_create"))
                                      return status;
                                    give(std::make_shared<Burst>(std::move(c)), burst);
                                    return kOk;
                                  });
}

void ANeuralNetworksBurst_free(ANeuralNetworksBurst* burst) { release<Burst>("Burst_free", burst); }

int ANeuralNetworksEvent_wait(ANeuralNetworksEvent* event) {
  return with<Event>("Event_wait", event, [](Event& e) { return e.wait(); });
}

// The computation uses the client's buffers, so it ends before its event does.
void ANeuralNetworksEvent_free(ANeuralNetworksEvent* event) {
  if (event == nullptr) return;
  if (Event* live = HandlePool<Event>::get(handle_of<Event>(event))) live->settle();
  release<Event>("Event_free", event);
}

int ANeuralNetworksEvent_createFromSyncFenceFd(int sync_fence_fd, ANeuralNetworksEvent** event) {
  constexpr const char* kFunction = "Event_createFromSyncFenceFd";
  if (event == nullptr) return null_argument(kFunction);
  *event = nullptr;
  return guarded(kFunction, [&]() -> Status {
    std::shared_ptr<Event> made;
    if (Status status = Event::from_fence(sync_fence_fd, &made)) return status;
    give(std::move(made), event);
    return kOk;
  });
}

int ANeuralNetworksEvent_getSyncFenceFd(const ANeuralNetworksEvent* event, int* sync_fence_fd) {
  if (sync_fence_fd == nullptr) return null_argument("Event_getSyncFenceFd");
  *sync_fence_fd = -1;
  return with<Event>("Event_getSyncFenceFd", event,
                     [&](Event& e) { return e.fence(sync_fence_fd); });
}
