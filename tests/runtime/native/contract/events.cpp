// Events, fences and deadlines.
#include <unistd.h>

#include "objects.h"

namespace contract {
namespace {

struct Run {
  explicit Run(const Compilation& compilation) : execution(contract::execution(compilation)) {
    set_input(execution, 0, a);
    set_input(execution, 1, b);
    set_output(execution, 0, out);
  }
  std::vector<float> a{1, 2}, b{3, 4}, out{0, 0};
  Execution execution;
};

void check_dependencies(const Compilation& compilation) {
  Run first(compilation), second(compilation);
  Event one, two;
  EXPECT(ANeuralNetworksExecution_startComputeWithDependencies(first.execution, nullptr, 0, 0,
                                                               one.out()),
         kOk);
  const ANeuralNetworksEvent* waits[] = {one};
  EXPECT(ANeuralNetworksExecution_startComputeWithDependencies(second.execution, waits, 1, 0,
                                                               two.out()),
         kOk);
  EXPECT(ANeuralNetworksEvent_wait(two), kOk);
  EXPECT(ANeuralNetworksEvent_wait(one), kOk);
  EXPECT_THAT((second.out == std::vector<float>{4, 6}));
  // An execution that has ended starts no more.
  Event none;
  EXPECT(ANeuralNetworksExecution_startComputeWithDependencies(second.execution, waits, 1, 0,
                                                               none.out()),
         kBadState);
  EXPECT(ANeuralNetworksExecution_startCompute(second.execution, none.out()), kBadState);
}

void check_failed_dependency(const Compilation& compilation) {
  Sum wrong(f32({2}), f32({2}), f32({2}), 999);
  const Compilation failing = compile(wrong);
  Run first(failing), second(compilation);
  Event one, two;
  EXPECT(ANeuralNetworksExecution_startComputeWithDependencies(first.execution, nullptr, 0, 0,
                                                               one.out()),
         kOk);
  const ANeuralNetworksEvent* waits[] = {one};
  const int started = ANeuralNetworksExecution_startComputeWithDependencies(second.execution, waits,
                                                                            1, 0, two.out());
  EXPECT_THAT(started != kOk || ANeuralNetworksEvent_wait(two) != kOk);
  EXPECT(ANeuralNetworksEvent_wait(one), kFailed);
}

void check_fences(const Compilation& compilation) {
  ANeuralNetworksEvent* made = nullptr;
  EXPECT(ANeuralNetworksEvent_createFromSyncFenceFd(-1, &made), kBadData);
  EXPECT(ANeuralNetworksEvent_createFromSyncFenceFd(-100, &made), kBadData);
  int ends[2];
  if (pipe(ends) != 0) return;
  Event fence;
  EXPECT(ANeuralNetworksEvent_createFromSyncFenceFd(ends[0], fence.out()), kOk);
  int fd = -1;
  EXPECT(ANeuralNetworksEvent_getSyncFenceFd(fence, &fd), kOk);
  EXPECT_THAT(fd >= 0 && fd != ends[0]);  // the client's own copy
  if (fd >= 0) close(fd);
  EXPECT(ANeuralNetworksEvent_getSyncFenceFd(fence, nullptr), kNull);

  Run run(compilation);
  const ANeuralNetworksEvent* waits[] = {fence};
  Event done;
  EXPECT(
      ANeuralNetworksExecution_startComputeWithDependencies(run.execution, waits, 1, 0, done.out()),
      kOk);
  EXPECT_THAT(write(ends[1], "x", 1) == 1);  // signalled
  EXPECT(ANeuralNetworksEvent_wait(done), kOk);
  EXPECT_THAT((run.out == std::vector<float>{4, 6}));
  close(ends[0]);
  close(ends[1]);

  // An event of startCompute has no fence.
  Run other(compilation);
  Event plain;
  EXPECT(ANeuralNetworksExecution_startCompute(other.execution, plain.out()), kOk);
  EXPECT(ANeuralNetworksEvent_getSyncFenceFd(plain, &fd), kBadData);
  EXPECT(ANeuralNetworksEvent_wait(plain), kOk);
}

void check_deadlines(const Model& model) {
  const Compilation compilation = compile(model, true);
  Run run(compilation);
  EXPECT(ANeuralNetworksExecution_setTimeout(run.execution, 1), kOk);  // a nanosecond
  EXPECT(ANeuralNetworksExecution_compute(run.execution),
         ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT);
  Run unlimited(compilation);
  EXPECT(ANeuralNetworksExecution_setTimeout(unlimited.execution, 0), kOk);
  EXPECT(ANeuralNetworksExecution_compute(unlimited.execution), kOk);
}

void check_bursts(const Model& model, const Compilation& compilation) {
  const Compilation other = compile(model);
  Burst burst;
  EXPECT(ANeuralNetworksBurst_create(compilation, burst.out()), kOk);
  Run foreign(other);
  EXPECT(ANeuralNetworksExecution_burstCompute(foreign.execution, burst), kBadData);
  for (int i = 0; i < 3; ++i) {
    Run run(compilation);
    EXPECT(ANeuralNetworksExecution_burstCompute(run.execution, burst), kOk);
    EXPECT_THAT((run.out == std::vector<float>{4, 6}));
    EXPECT(ANeuralNetworksExecution_burstCompute(run.execution, burst), kBadState);
  }
}

}  // namespace

void check_events() {
  Sum sum({2});
  const Compilation compilation = compile(sum);
  check_dependencies(compilation);
  check_failed_dependency(compilation);
  check_fences(compilation);
  check_deadlines(sum);
  check_bursts(sum, compilation);
}

}  // namespace contract
