// Computing: at once, in the background, in bursts, behind fences, and again; what fails then.
#include <string>

#include "objects.h"

namespace contract {
namespace {

enum class Way { kAtOnce, kInBackground, kBurst, kFenced };

constexpr Way kWays[] = {Way::kAtOnce, Way::kInBackground, Way::kBurst, Way::kFenced};

// The code that the computation ends with.
int compute(Way way, const Compilation& compilation, const Execution& run) {
  Event event;
  Burst burst;
  int status = kOk;
  switch (way) {
    case Way::kAtOnce:
      return ANeuralNetworksExecution_compute(run);
    case Way::kBurst:
      ANeuralNetworksBurst_create(compilation, burst.out());
      return ANeuralNetworksExecution_burstCompute(run, burst);
    case Way::kInBackground:
      status = ANeuralNetworksExecution_startCompute(run, event.out());
      break;
    case Way::kFenced:
      status =
          ANeuralNetworksExecution_startComputeWithDependencies(run, nullptr, 0, 0, event.out());
  }
  if (status != kOk) return status;
  status = ANeuralNetworksEvent_wait(event);
  EXPECT(ANeuralNetworksEvent_wait(event), status);
  return status;
}

bool holds(const Execution& run, const Dims& wanted) {
  uint32_t rank = 0;
  ANeuralNetworksExecution_getOutputOperandRank(run, 0, &rank);
  Dims dims(rank);
  ANeuralNetworksExecution_getOutputOperandDimensions(run, 0, dims.data());
  return dims == wanted;
}

void check_results(Way way, bool reusable) {
  Sum sum({2, 3});
  const Compilation compilation = compile(sum);
  Execution run = execution(compilation);
  std::vector<float> a{1, 2, 3, 4, 5, 6}, b{1, 1, 1, 1, 1, 1}, out(6);
  EXPECT(ANeuralNetworksExecution_setReusable(run, reusable), kOk);
  EXPECT(set_input(run, 0, a), kOk);
  EXPECT(set_input(run, 1, b), kOk);
  EXPECT(set_output(run, 0, out), kOk);
  EXPECT(compute(way, compilation, run), kOk);
  EXPECT_THAT((out == std::vector<float>{2, 3, 4, 5, 6, 7}));
  EXPECT_THAT(holds(run, {2, 3}));
  a[0] = 10;
  EXPECT(compute(way, compilation, run), reusable ? kOk : kBadState);
  EXPECT_THAT(out[0] == (reusable ? 11 : 2));
}

// What is wrong with a model but not seen by Android's validation ends the computation.
void check_failures(Way way) {
  struct Fault {
    Kind a, b, out;
    int32_t activation;
  };
  const Fault faults[] = {
      {f32({1}), f32({1}), f32({1}), 999},        {f32({1}), f32({1}), f32({1}), -1},
      {f32({3, 2}), f32({2, 1}), f32({3, 2}), 0}, {f32({2}), f32({2}), f32({3}), 0},
      {f32({2}), f32({2}), f32({2, 1}), 0},
  };
  for (const Fault& fault : faults) {
    Sum sum(fault.a, fault.b, fault.out, fault.activation);
    EXPECT(sum.finished(), kOk);
    const Compilation compilation = compile(sum);
    Execution run = execution(compilation);
    const auto size = [](const Kind& kind) {
      size_t count = 1;
      for (uint32_t d : kind.dims) count *= d;
      return std::vector<float>(count);
    };
    const std::vector<float> a = size(fault.a), b = size(fault.b);
    std::vector<float> out = size(fault.out);
    EXPECT(set_input(run, 0, a), kOk);
    EXPECT(set_input(run, 1, b), kOk);
    EXPECT(set_output(run, 0, out), kOk);
    EXPECT(compute(way, compilation, run), kFailed);
    uint32_t rank;
    EXPECT(ANeuralNetworksExecution_getOutputOperandRank(run, 0, &rank), kBadState);
    EXPECT(ANeuralNetworksExecution_getOutputOperandDimensions(run, 0, &rank), kBadState);
  }
}

void check_insufficient(Way way) {
  Sum sum(f32({0}), f32({0}), f32({0}));
  const Compilation compilation = compile(sum);
  for (bool reusable : {false, true}) {
    Execution run = execution(compilation);
    ANeuralNetworksExecution_setReusable(run, reusable);
    const Kind three = f32({3});
    const std::vector<float> values{1, 2, 3};
    std::vector<float> out(2);
    EXPECT(set_input(run, 0, values, &three), kOk);
    EXPECT(set_input(run, 1, values, &three), kOk);
    EXPECT(set_output(run, 0, out), kOk);
    // Behind fences, sizes must be known.
    if (way == Way::kFenced) {
      EXPECT(compute(way, compilation, run), kBadData);
      continue;
    }
    EXPECT(compute(way, compilation, run), kTooSmall);
    uint32_t rank = 0, size = 0;
    EXPECT(ANeuralNetworksExecution_getOutputOperandRank(run, 0, &rank), kTooSmall);
    EXPECT(ANeuralNetworksExecution_getOutputOperandDimensions(run, 0, &size), kTooSmall);
    EXPECT_THAT(rank == 1 && size == 3);
  }
}

// Inputs that contradict each other only once they are there.
void check_run_time_shapes(Way way) {
  Sum sum(f32({0}), f32({0}), f32({}));
  const Compilation compilation = compile(sum);
  Execution run = execution(compilation);
  const Kind two = f32({2}), three = f32({3});
  const std::vector<float> a{1, 2}, b{1, 2, 3};
  std::vector<float> out(3);
  EXPECT(set_input(run, 0, a, &two), kOk);
  EXPECT(set_input(run, 1, b, &three), kOk);
  EXPECT(set_output(run, 0, out, &three), kOk);
  EXPECT(compute(way, compilation, run), kFailed);
}

// An input that the operation cannot do without.
void check_omitted(Way way) {
  Sum sum({2});
  const Compilation compilation = compile(sum);
  Execution run = execution(compilation);
  const std::vector<float> a{1, 2};
  std::vector<float> out(2);
  EXPECT(set_input(run, 0, a), kOk);
  EXPECT(ANeuralNetworksExecution_setInput(run, 1, nullptr, nullptr, 0), kOk);
  EXPECT(set_output(run, 0, out), kOk);
  EXPECT(compute(way, compilation, run), kFailed);
}

void check_timing() {
  Sum sum({2});
  for (Way way : kWays) {
    const Compilation compilation = compile(sum, true);
    Execution run = execution(compilation);
    const std::vector<float> values{1, 2};
    std::vector<float> out(2);
    uint64_t time = 0;
    EXPECT(ANeuralNetworksExecution_setMeasureTiming(run, true), kOk);
    EXPECT(ANeuralNetworksExecution_setTimeout(run, UINT64_MAX), kOk);
    EXPECT(set_input(run, 0, values), kOk);
    EXPECT(set_input(run, 1, values), kOk);
    EXPECT(set_output(run, 0, out), kOk);
    EXPECT(ANeuralNetworksExecution_getDuration(run, ANEURALNETWORKS_DURATION_IN_DRIVER, &time),
           kBadState);
    EXPECT(compute(way, compilation, run), kOk);
    for (int32_t code :
         {ANEURALNETWORKS_DURATION_ON_HARDWARE, ANEURALNETWORKS_DURATION_IN_DRIVER,
          ANEURALNETWORKS_FENCED_DURATION_ON_HARDWARE, ANEURALNETWORKS_FENCED_DURATION_IN_DRIVER})
      EXPECT(ANeuralNetworksExecution_getDuration(run, code, &time), kOk);
    EXPECT(ANeuralNetworksExecution_getDuration(run, 4, &time), kBadData);
    EXPECT(ANeuralNetworksExecution_getDuration(run, -1, &time), kBadData);
    EXPECT(ANeuralNetworksExecution_setMeasureTiming(run, false), kBadState);
    EXPECT(ANeuralNetworksExecution_setTimeout(run, 1), kBadState);
  }
}

}  // namespace

void check_computations() {
  for (Way way : kWays) {
    check_results(way, false);
    check_results(way, true);
    check_failures(way);
    check_insufficient(way);
    check_run_time_shapes(way);
    check_omitted(way);
  }
  check_timing();
}

}  // namespace contract
