// Devices that fail, as they were told to.
#include <sys/wait.h>

#include <chrono>
#include <csignal>

#include "simulated.h"

namespace devices {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// All ways to compute once.
template <class Each>
void in_every_way(const Compilation& compilation, Each each) {
  each([](Run& run) { return run.compute(); });
  each([](Run& run) {
    Event event;
    EXPECT(ANeuralNetworksExecution_startCompute(run.execution, event.out()), kOk);
    return ANeuralNetworksEvent_wait(event);
  });
  each([](Run& run) {
    Event event;
    EXPECT(ANeuralNetworksExecution_startComputeWithDependencies(run.execution, nullptr, 0, 0,
                                                                 event.out()),
           kOk);
    return ANeuralNetworksEvent_wait(event);
  });
  each([&](Run& run) {
    Burst burst;
    EXPECT(ANeuralNetworksBurst_create(compilation, burst.out()), kOk);
    return ANeuralNetworksExecution_burstCompute(run.execution, burst);
  });
}

void check_refusals() {
  const struct {
    const char* name;
    int code;
  } kCodes[] = {{"OP_FAILED", ANEURALNETWORKS_OP_FAILED},
                {"OUT_OF_MEMORY", ANEURALNETWORKS_OUT_OF_MEMORY},
                {"UNAVAILABLE_DEVICE", ANEURALNETWORKS_UNAVAILABLE_DEVICE},
                {"DEAD_OBJECT", ANEURALNETWORKS_DEAD_OBJECT},
                {"MISSED_DEADLINE_TRANSIENT", ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT},
                {"MISSED_DEADLINE_PERSISTENT", ANEURALNETWORKS_MISSED_DEADLINE_PERSISTENT},
                {"RESOURCE_EXHAUSTED_TRANSIENT", ANEURALNETWORKS_RESOURCE_EXHAUSTED_TRANSIENT},
                {"RESOURCE_EXHAUSTED_PERSISTENT", ANEURALNETWORKS_RESOURCE_EXHAUSTED_PERSISTENT}};
  Sum sum({2});
  for (const auto& [name, code] : kCodes) {
    const std::string fault = R"({"kind": "error", "code": ")" + std::string(name) + "\"";
    {
      const Devices bad(faulty(fault + R"(, "at": "prepare"})"));
      EXPECT(ANeuralNetworksCompilation_finish(compilation_for(sum, {0})), code);
      Run run(compiled_for(sum, {1}));
      EXPECT(run.compute(), kOk);
      // Nobody has chosen it, so the CPU computes in its place.
      const Compilation any = compiled_for(sum, {});
      uint32_t device = 0, part = 1;
      EXPECT(nnapi_host_compilation_get_placement(any, &device, &part, 1), kOk);
      EXPECT_THAT(device == 1 && part == 0);
    }
    const Devices bad(faulty(fault + "}"));
    const Compilation chosen = compiled_for(sum, {0}), any = compiled_for(sum, {});
    in_every_way(chosen, [&](auto compute) {
      Run run(chosen);
      EXPECT(compute(run), code);
    });
    in_every_way(any, [&](auto compute) {
      Run run(any);
      EXPECT(compute(run), kOk);
      EXPECT_THAT(run.is_sum());
    });
  }
}

// A device counts its calls, whoever makes them, and a part of a model is one.
void check_counts() {
  const Devices bad(faulty(R"({"kind": "error", "after": 5}, {"kind": "error", "at": "prepare",
                               "after": 2})"));
  Sum sum({2});
  const Compilation one = compiled_for(sum, {0}), two = compiled_for(sum, {0});
  EXPECT(ANeuralNetworksCompilation_finish(compilation_for(sum, {0})), kFailed);
  Run again(one);
  EXPECT(ANeuralNetworksExecution_setReusable(again.execution, true), kOk);
  for (int i = 0; i < 3; ++i) EXPECT(again.compute(), kOk);
  for (int i = 0; i < 2; ++i) EXPECT(Run(two).compute(), kOk);
  EXPECT(again.compute(), kFailed);
  EXPECT(Run(two).compute(), kFailed);

  const Devices parts(
      device_of("one", {"ADD", "SUB"}, R"("faults": [{"kind": "error", "after": 2}])"));
  const Compilation mixed = compiled_for(Mixed(), {0, 1});
  EXPECT(Run(mixed).compute(), kOk);
  EXPECT(Run(mixed).compute(), kFailed);
}

void check_hangs() {
  Sum sum({2});
  for (const bool honours : {true, false}) {
    const Devices bad(
        faulty(std::string(R"({"kind": "hang", "seconds": 0.3, "honours_deadline": )") +
               (honours ? "true}" : "false}")));
    const Compilation chosen = compiled_for(sum, {0});
    Run patient(chosen);
    auto start = Clock::now();
    EXPECT(patient.compute(), kOk);  // it is only slow
    EXPECT_THAT(patient.is_sum() && seconds_since(start) >= 0.3);
    Run hasty(chosen);
    EXPECT(ANeuralNetworksExecution_setTimeout(hasty.execution, 20'000'000), kOk);
    start = Clock::now();
    EXPECT(hasty.compute(), honours ? ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT : kOk);
    EXPECT_THAT((seconds_since(start) < 0.3) == honours);
    EXPECT_THAT(hasty.is_sum() == !honours);
  }
  for (const bool honours : {true, false}) {
    const Devices bad(faulty(std::string(R"({"kind": "hang", "at": "prepare", "seconds": 0.2,
                                             "honours_deadline": )") +
                             (honours ? "true}" : "false}")));
    const Compilation hasty = compilation_for(sum, {0});
    EXPECT(ANeuralNetworksCompilation_setTimeout(hasty, 10'000'000), kOk);
    EXPECT(ANeuralNetworksCompilation_finish(hasty),
           honours ? ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT : kOk);
  }
}

template <class Body>
bool aborts(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

void check_aborts() {
  Sum sum({2});
  {
    const Devices bad(faulty(R"({"kind": "abort", "after": 1})"));
    const Compilation chosen = compiled_for(sum, {0});
    EXPECT_THAT(!aborts([&] { Run(chosen).compute(); }));
    EXPECT_THAT(aborts([&] {
      Run(chosen).compute();
      Run(chosen).compute();
    }));
    EXPECT(Run(chosen).compute(), kOk);  // this process has called it once
  }
  const Devices bad(faulty(R"({"kind": "abort", "at": "prepare"})"));
  EXPECT_THAT(aborts([&] { compiled_for(sum, {}); }));
}

}  // namespace

void check_faults() {
  check_refusals();
  check_counts();
  check_hangs();
  check_aborts();
}

}  // namespace devices
