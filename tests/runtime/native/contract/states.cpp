// What may be called when: models, compilations, executions and descriptors before and after they
// are finished.
#include <algorithm>

#include "objects.h"

namespace contract {
namespace {

void check_models() {
  Sum sum({2});
  const float value = 1.0f;
  const Kind kind = f32({1});
  const ANeuralNetworksOperandType type = kind.get();
  const uint32_t one = 0;
  const ANeuralNetworksSymmPerChannelQuantParams params{0, 1, &value};
  EXPECT(sum.finished(), kOk);
  EXPECT(sum.finish(), kBadState);
  EXPECT(ANeuralNetworksModel_addOperand(sum, &type), kBadState);
  EXPECT(ANeuralNetworksModel_setOperandValue(sum, 0, &value, 4), kBadState);
  EXPECT(ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(sum, 0, &params), kBadState);
  EXPECT(ANeuralNetworksModel_setOperandValueFromModel(sum, 0, sum), kBadState);
  EXPECT(ANeuralNetworksModel_addOperation(sum, ANEURALNETWORKS_RELU, 1, &one, 1, &one), kBadState);
  EXPECT(ANeuralNetworksModel_identifyInputsAndOutputs(sum, 1, &one, 1, &one), kBadState);
  EXPECT(ANeuralNetworksModel_relaxComputationFloat32toFloat16(sum, true), kBadState);

  Model open;
  ANeuralNetworksCompilation* made = nullptr;
  bool supported = false;
  const ANeuralNetworksDevice* devices[] = {device(), device()};
  EXPECT(ANeuralNetworksCompilation_create(open, &made), kBadState);
  EXPECT_THAT(made == nullptr);
  EXPECT(ANeuralNetworksCompilation_createForDevices(open, devices, 1, &made), kBadState);
  EXPECT(ANeuralNetworksModel_getSupportedOperationsForDevices(open, devices, 1, &supported),
         kBadState);
  EXPECT(ANeuralNetworksModel_getSupportedOperationsForDevices(sum, devices, 1, &supported), kOk);
  EXPECT_THAT(supported);
  EXPECT(ANeuralNetworksModel_getSupportedOperationsForDevices(sum, devices, 2, &supported),
         kBadData);
  EXPECT(ANeuralNetworksCompilation_createForDevices(sum, devices, 2, &made), kBadData);

  // A model that was refused can only be freed.
  EXPECT(open.finish(), kBadData);
  EXPECT(open.finish(), kBadState);
  EXPECT(ANeuralNetworksModel_addOperand(open, &type), kBadState);
  EXPECT(ANeuralNetworksCompilation_create(open, &made), kBadState);
}

void check_lists() {
  Model model;
  const uint32_t a = model.operand(f32({1})), b = model.operand(f32({1}));
  const uint32_t constant = model.scalar(0);
  EXPECT(model.identify({a + 9}, {b}), kBadData);
  EXPECT(model.identify({a}, {b + 9}), kBadData);
  Model second;
  second.operand(f32({1}));
  second.operand(f32({1}));
  second.scalar(0);
  EXPECT(second.identify({constant}, {b}), kBadData);
  Model third;
  third.operand(f32({1}));
  EXPECT(third.identify({a}, {a}), kBadData);
  // What nobody writes, twice written, and circles.
  const auto finish = [&](const std::vector<std::pair<uint32_t, uint32_t>>& moves, const Dims& in,
                          const Dims& out) {
    Model built;
    uint32_t last = std::max(in[0], out[0]);
    for (auto [from, to] : moves) last = std::max({last, from, to});
    for (uint32_t i = 0; i <= last; ++i) built.operand(f32({1}));
    for (auto [from, to] : moves) built.operation(ANEURALNETWORKS_RELU, {from}, {to});
    built.identify(in, out);
    return built.finish();
  };
  EXPECT(finish({{0, 1}}, {0}, {1}), kOk);
  EXPECT(finish({{1, 2}, {0, 1}}, {0}, {2}), kOk);       // in any order
  EXPECT(finish({{0, 1}, {0, 3}}, {0}, {1}), kBadData);  // operand 2 is never written
  EXPECT(finish({{0, 1}, {0, 1}}, {0}, {1}), kBadData);
  EXPECT(finish({{2, 1}}, {0}, {1}), kBadData);
  EXPECT(finish({{0, 1}, {2, 3}, {3, 2}}, {0}, {1}), kBadData);
  EXPECT(finish({{0, 1}}, {0}, {2}), kBadData);
  EXPECT(finish({{0, 0}}, {0}, {0}), kBadData);
  EXPECT(finish({}, {0}, {1}), kBadData);
}

void check_compilations() {
  Sum sum({2});
  for (bool for_device : {false, true}) {
    Compilation compilation;
    const ANeuralNetworksDevice* only = device();
    EXPECT(for_device
               ? ANeuralNetworksCompilation_createForDevices(sum, &only, 1, compilation.out())
               : ANeuralNetworksCompilation_create(sum, compilation.out()),
           kOk);
    ANeuralNetworksExecution* run = nullptr;
    ANeuralNetworksBurst* burst = nullptr;
    uint32_t bytes = 0;
    EXPECT(ANeuralNetworksExecution_create(compilation, &run), kBadState);
    EXPECT_THAT(run == nullptr);
    EXPECT(ANeuralNetworksBurst_create(compilation, &burst), kBadState);
    EXPECT(ANeuralNetworksCompilation_getPreferredMemoryAlignmentForInput(compilation, 0, &bytes),
           kBadState);
    EXPECT(ANeuralNetworksCompilation_getPreferredMemoryPaddingForInput(compilation, 0, &bytes),
           kBadState);
    EXPECT(ANeuralNetworksCompilation_getPreferredMemoryAlignmentForOutput(compilation, 0, &bytes),
           kBadState);
    EXPECT(ANeuralNetworksCompilation_getPreferredMemoryPaddingForOutput(compilation, 0, &bytes),
           kBadState);
    for (int32_t preference :
         {ANEURALNETWORKS_PREFER_LOW_POWER, ANEURALNETWORKS_PREFER_FAST_SINGLE_ANSWER,
          ANEURALNETWORKS_PREFER_SUSTAINED_SPEED})
      EXPECT(ANeuralNetworksCompilation_setPreference(compilation, preference), kOk);
    EXPECT(ANeuralNetworksCompilation_setPreference(compilation, 40), kBadData);
    for (int priority : {ANEURALNETWORKS_PRIORITY_LOW, ANEURALNETWORKS_PRIORITY_MEDIUM,
                         ANEURALNETWORKS_PRIORITY_HIGH})
      EXPECT(ANeuralNetworksCompilation_setPriority(compilation, priority), kOk);
    for (int priority : {0, 91, 109, -1})
      EXPECT(ANeuralNetworksCompilation_setPriority(compilation, priority), kBadData);
    const int may_limit = for_device ? kOk : kBadData;
    EXPECT(ANeuralNetworksCompilation_setTimeout(compilation, UINT64_MAX), may_limit);
    EXPECT(ANeuralNetworksCompilation_setTimeout(compilation, 0), may_limit);
    EXPECT(ANeuralNetworksCompilation_finish(compilation), kOk);

    EXPECT(ANeuralNetworksCompilation_finish(compilation), kBadState);
    EXPECT(ANeuralNetworksCompilation_setPreference(compilation, 0), kBadState);
    EXPECT(ANeuralNetworksCompilation_setPriority(compilation, ANEURALNETWORKS_PRIORITY_LOW),
           kBadState);
    EXPECT(ANeuralNetworksCompilation_setTimeout(compilation, 1), kBadState);
    const uint8_t token[ANEURALNETWORKS_BYTE_SIZE_OF_CACHE_TOKEN] = {};
    EXPECT(ANeuralNetworksCompilation_setCaching(compilation, "/tmp", token), kBadState);
    for (uint32_t i : {0u, 1u}) {
      EXPECT(ANeuralNetworksCompilation_getPreferredMemoryAlignmentForInput(compilation, i, &bytes),
             kOk);
      EXPECT_THAT(bytes > 0 && (bytes & (bytes - 1)) == 0);
      EXPECT(ANeuralNetworksCompilation_getPreferredMemoryPaddingForInput(compilation, i, &bytes),
             kOk);
      EXPECT_THAT(bytes > 0 && (bytes & (bytes - 1)) == 0);
    }
    EXPECT(ANeuralNetworksCompilation_getPreferredMemoryAlignmentForInput(compilation, 2, &bytes),
           kBadData);
    EXPECT(ANeuralNetworksCompilation_getPreferredMemoryPaddingForInput(compilation, 2, &bytes),
           kBadData);
    EXPECT(ANeuralNetworksCompilation_getPreferredMemoryAlignmentForOutput(compilation, 1, &bytes),
           kBadData);
    EXPECT(ANeuralNetworksCompilation_getPreferredMemoryPaddingForOutput(compilation, 1, &bytes),
           kBadData);
  }
}

// A vendor's operation is taken by the model and refused by whoever is to compute it.
void check_vendor_operations() {
  Model model;
  const Kind bytes{ANEURALNETWORKS_TENSOR_OEM_BYTE, {1}};
  const uint32_t in = model.operand(bytes), out = model.operand(bytes);
  EXPECT(model.operation(ANEURALNETWORKS_OEM_OPERATION, {in}, {out}), kOk);
  EXPECT(model.identify({in}, {out}), kOk);
  EXPECT(model.finish(), kOk);
  const ANeuralNetworksDevice* only = device();
  bool supported = true;
  EXPECT(ANeuralNetworksModel_getSupportedOperationsForDevices(model, &only, 1, &supported), kOk);
  EXPECT_THAT(!supported);
  Compilation compilation;
  EXPECT(ANeuralNetworksCompilation_createForDevices(model, &only, 1, compilation.out()), kOk);
  EXPECT(ANeuralNetworksCompilation_finish(compilation), kBadData);
  ANeuralNetworksExecution* run = nullptr;
  uint32_t number;
  EXPECT(ANeuralNetworksExecution_create(compilation, &run), kBadState);
  EXPECT(ANeuralNetworksCompilation_getPreferredMemoryAlignmentForInput(compilation, 0, &number),
         kBadState);
  EXPECT(ANeuralNetworksCompilation_getPreferredMemoryPaddingForOutput(compilation, 0, &number),
         kBadState);
  Descriptor descriptor;
  ANeuralNetworksMemoryDesc_create(descriptor.out());
  EXPECT(ANeuralNetworksMemoryDesc_addInputRole(descriptor, compilation, 0, 1.0f), kBadData);
  EXPECT(ANeuralNetworksMemoryDesc_addOutputRole(descriptor, compilation, 0, 1.0f), kBadData);
}

void check_executions() {
  Sum sum({2});
  const Compilation compilation = compile(sum);
  std::vector<float> values(2), result(2);
  for (bool reusable : {false, true}) {
    Execution run = execution(compilation);
    uint32_t rank;
    EXPECT(ANeuralNetworksExecution_getOutputOperandRank(run, 0, &rank), kBadState);
    EXPECT(ANeuralNetworksExecution_getOutputOperandDimensions(run, 0, &rank), kBadState);
    EXPECT(ANeuralNetworksExecution_setReusable(run, reusable), kOk);
    EXPECT(ANeuralNetworksExecution_enableInputAndOutputPadding(run, true), kOk);
    EXPECT(ANeuralNetworksExecution_enableInputAndOutputPadding(run, false), kOk);
    EXPECT(ANeuralNetworksExecution_setLoopTimeout(run, UINT64_MAX), kOk);
    // Not of a compilation for one device.
    EXPECT(ANeuralNetworksExecution_setMeasureTiming(run, true), kBadData);
    EXPECT(ANeuralNetworksExecution_setTimeout(run, 1), kBadData);
    EXPECT(set_input(run, 0, values), kOk);
    EXPECT(set_input(run, 0, values), kBadState);
    EXPECT(ANeuralNetworksExecution_enableInputAndOutputPadding(run, true), kBadState);
    EXPECT(set_input(run, 1, values), kOk);
    EXPECT(set_output(run, 0, result), kOk);
    EXPECT(set_output(run, 0, result), kBadState);
    EXPECT(ANeuralNetworksExecution_compute(run), kOk);
    EXPECT(ANeuralNetworksExecution_compute(run), reusable ? kOk : kBadState);
    EXPECT(ANeuralNetworksExecution_getOutputOperandRank(run, 0, &rank), kOk);
    EXPECT_THAT(rank == 1);
    EXPECT(ANeuralNetworksExecution_getOutputOperandRank(run, 1, &rank), kBadData);
    EXPECT(ANeuralNetworksExecution_getOutputOperandRank(run, -1, &rank), kBadData);
    EXPECT(ANeuralNetworksExecution_getOutputOperandDimensions(run, 1, &rank), kBadData);
    EXPECT(set_input(run, 0, values), kBadState);
    EXPECT(set_output(run, 0, result), kBadState);
    EXPECT(ANeuralNetworksExecution_setReusable(run, true), kBadState);
    EXPECT(ANeuralNetworksExecution_setLoopTimeout(run, 1), kBadState);
    EXPECT(ANeuralNetworksExecution_enableInputAndOutputPadding(run, true), kBadState);
  }
  // One that lacks an argument has ended, too.
  Execution run = execution(compilation);
  EXPECT(set_input(run, 0, values), kOk);
  EXPECT(set_output(run, 0, result), kOk);
  EXPECT(ANeuralNetworksExecution_compute(run), kBadData);
  EXPECT(set_input(run, 1, values), kBadState);
  EXPECT(ANeuralNetworksExecution_compute(run), kBadState);
}

void check_descriptors() {
  Sum sum({2});
  const Compilation compilation = compile(sum);
  Descriptor descriptor;
  ANeuralNetworksMemoryDesc_create(descriptor.out());
  ANeuralNetworksMemory* memory = nullptr;
  const uint32_t two = 2;
  EXPECT(ANeuralNetworksMemory_createFromDesc(descriptor, &memory), kBadState);
  EXPECT(ANeuralNetworksMemoryDesc_finish(descriptor), kBadData);  // it has no role
  EXPECT(ANeuralNetworksMemoryDesc_addInputRole(descriptor, compilation, 0, 1.0f), kOk);
  EXPECT(ANeuralNetworksMemoryDesc_finish(descriptor), kOk);
  EXPECT(ANeuralNetworksMemoryDesc_finish(descriptor), kBadState);
  EXPECT(ANeuralNetworksMemoryDesc_addInputRole(descriptor, compilation, 1, 1.0f), kBadState);
  EXPECT(ANeuralNetworksMemoryDesc_addOutputRole(descriptor, compilation, 0, 1.0f), kBadState);
  EXPECT(ANeuralNetworksMemoryDesc_setDimensions(descriptor, 1, &two), kBadState);
}

}  // namespace

void check_states() {
  check_models();
  check_lists();
  check_compilations();
  check_vendor_operations();
  check_executions();
  check_descriptors();
}

}  // namespace contract
