// Every pointer that must not be null.
#include "objects.h"

namespace contract {
namespace {

void check_model_functions() {
  Model model;
  model.operand(f32({1}));
  const uint32_t one = 0;
  const Kind kind = f32({1});
  const ANeuralNetworksOperandType type = kind.get();
  const float value = 0.0f;
  const ANeuralNetworksSymmPerChannelQuantParams params{0, 1, &value};
  bool supported;
  const ANeuralNetworksDevice* devices[] = {device(), nullptr};
  EXPECT(ANeuralNetworksModel_create(nullptr), kNull);
  EXPECT(ANeuralNetworksModel_addOperand(nullptr, &type), kNull);
  EXPECT(ANeuralNetworksModel_addOperand(model, nullptr), kNull);
  EXPECT(ANeuralNetworksModel_addOperand(nullptr, nullptr), kNull);
  EXPECT(ANeuralNetworksModel_setOperandValue(nullptr, 0, &value, 4), kNull);
  EXPECT(ANeuralNetworksModel_setOperandValue(model, 0, nullptr, 4), kNull);
  EXPECT(ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(nullptr, 0, &params), kNull);
  EXPECT(ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(model, 0, nullptr), kNull);
  EXPECT(ANeuralNetworksModel_setOperandValueFromMemory(nullptr, 0, nullptr, 0, 4), kNull);
  EXPECT(ANeuralNetworksModel_setOperandValueFromMemory(model, 0, nullptr, 0, 4), kNull);
  EXPECT(ANeuralNetworksModel_setOperandValueFromModel(nullptr, 0, model), kNull);
  EXPECT(ANeuralNetworksModel_setOperandValueFromModel(model, 0, nullptr), kNull);
  EXPECT(ANeuralNetworksModel_addOperation(nullptr, ANEURALNETWORKS_RELU, 1, &one, 1, &one), kNull);
  EXPECT(ANeuralNetworksModel_addOperation(model, ANEURALNETWORKS_RELU, 0, nullptr, 1, &one),
         kNull);
  EXPECT(ANeuralNetworksModel_addOperation(model, ANEURALNETWORKS_RELU, 1, nullptr, 1, &one),
         kNull);
  EXPECT(ANeuralNetworksModel_addOperation(model, ANEURALNETWORKS_RELU, 1, &one, 0, nullptr),
         kNull);
  EXPECT(ANeuralNetworksModel_addOperation(model, ANEURALNETWORKS_RELU, 1, &one, 1, nullptr),
         kNull);
  EXPECT(ANeuralNetworksModel_identifyInputsAndOutputs(nullptr, 1, &one, 1, &one), kNull);
  EXPECT(ANeuralNetworksModel_identifyInputsAndOutputs(model, 0, nullptr, 1, &one), kNull);
  EXPECT(ANeuralNetworksModel_identifyInputsAndOutputs(model, 1, nullptr, 1, &one), kNull);
  EXPECT(ANeuralNetworksModel_identifyInputsAndOutputs(model, 1, &one, 0, nullptr), kNull);
  EXPECT(ANeuralNetworksModel_identifyInputsAndOutputs(model, 1, &one, 1, nullptr), kNull);
  EXPECT(ANeuralNetworksModel_relaxComputationFloat32toFloat16(nullptr, true), kNull);
  EXPECT(ANeuralNetworksModel_finish(nullptr), kNull);
  Sum sum({1});
  EXPECT(ANeuralNetworksModel_getSupportedOperationsForDevices(nullptr, devices, 1, &supported),
         kNull);
  EXPECT(ANeuralNetworksModel_getSupportedOperationsForDevices(sum, nullptr, 1, &supported), kNull);
  EXPECT(ANeuralNetworksModel_getSupportedOperationsForDevices(sum, devices, 1, nullptr), kNull);
  EXPECT(ANeuralNetworksModel_getSupportedOperationsForDevices(sum, devices, 2, &supported), kNull);
  EXPECT(ANeuralNetworksModel_getSupportedOperationsForDevices(sum, devices, 0, &supported),
         kBadData);
}

void check_device_functions() {
  const char* text;
  int32_t type;
  int64_t level;
  bool supported;
  ANeuralNetworksDevice* found;
  uint32_t count = 0;
  EXPECT(ANeuralNetworks_getDeviceCount(nullptr), kNull);
  EXPECT(ANeuralNetworks_getDeviceCount(&count), kOk);
  EXPECT(ANeuralNetworks_getDevice(0, nullptr), kNull);
  EXPECT(ANeuralNetworks_getDevice(count, &found), kBadData);
  EXPECT(ANeuralNetworksDevice_getName(nullptr, &text), kNull);
  EXPECT(ANeuralNetworksDevice_getName(device(), nullptr), kNull);
  EXPECT(ANeuralNetworksDevice_getVersion(nullptr, &text), kNull);
  EXPECT(ANeuralNetworksDevice_getVersion(device(), nullptr), kNull);
  EXPECT(ANeuralNetworksDevice_getType(nullptr, &type), kNull);
  EXPECT(ANeuralNetworksDevice_getType(device(), nullptr), kNull);
  EXPECT(ANeuralNetworksDevice_getFeatureLevel(nullptr, &level), kNull);
  EXPECT(ANeuralNetworksDevice_getFeatureLevel(device(), nullptr), kNull);
  EXPECT(ANeuralNetworksDevice_wait(nullptr), kNull);
  EXPECT(ANeuralNetworksDevice_wait(device()), kOk);
  EXPECT(ANeuralNetworksDevice_getExtensionSupport(nullptr, "a.b", &supported), kNull);
  EXPECT(ANeuralNetworksDevice_getExtensionSupport(device(), nullptr, &supported), kNull);
  EXPECT(ANeuralNetworksDevice_getExtensionSupport(device(), "a.b", nullptr), kNull);
  for (uint32_t i = 0; i < count; ++i) {
    EXPECT(ANeuralNetworks_getDevice(i, &found), kOk);
    EXPECT(ANeuralNetworksDevice_getName(found, &text), kOk);
    EXPECT_THAT(text != nullptr && *text != '\0');
    EXPECT(ANeuralNetworksDevice_getVersion(found, &text), kOk);
    EXPECT(ANeuralNetworksDevice_getType(found, &type), kOk);
    EXPECT_THAT(type >= ANEURALNETWORKS_DEVICE_UNKNOWN);
    EXPECT(ANeuralNetworksDevice_getFeatureLevel(found, &level), kOk);
    EXPECT_THAT(level >= 27 && level <= ANeuralNetworks_getRuntimeFeatureLevel());
  }
  EXPECT_THAT(ANeuralNetworks_getDefaultLoopTimeout() <= ANeuralNetworks_getMaximumLoopTimeout());
}

void check_compilation_functions() {
  Sum sum({1});
  Compilation compilation = compile(sum);
  const ANeuralNetworksDevice* devices[] = {device(), nullptr};
  const uint8_t token[ANEURALNETWORKS_BYTE_SIZE_OF_CACHE_TOKEN] = {};
  ANeuralNetworksCompilation* made = nullptr;
  uint32_t bytes;
  EXPECT(ANeuralNetworksCompilation_create(nullptr, &made), kNull);
  EXPECT(ANeuralNetworksCompilation_create(sum, nullptr), kNull);
  EXPECT(ANeuralNetworksCompilation_createForDevices(nullptr, devices, 1, &made), kNull);
  EXPECT(ANeuralNetworksCompilation_createForDevices(sum, nullptr, 1, &made), kNull);
  EXPECT(ANeuralNetworksCompilation_createForDevices(sum, devices, 2, &made), kNull);
  EXPECT(ANeuralNetworksCompilation_createForDevices(sum, devices, 1, nullptr), kNull);
  EXPECT(ANeuralNetworksCompilation_createForDevices(sum, devices, 0, &made), kBadData);
  EXPECT(ANeuralNetworksCompilation_setCaching(nullptr, "/tmp", token), kNull);
  EXPECT(ANeuralNetworksCompilation_setCaching(compilation, nullptr, token), kNull);
  EXPECT(ANeuralNetworksCompilation_setCaching(compilation, "/tmp", nullptr), kNull);
  EXPECT(ANeuralNetworksCompilation_setPreference(nullptr, ANEURALNETWORKS_PREFER_LOW_POWER),
         kNull);
  EXPECT(ANeuralNetworksCompilation_setPriority(nullptr, ANEURALNETWORKS_PRIORITY_LOW), kNull);
  EXPECT(ANeuralNetworksCompilation_setTimeout(nullptr, 1), kNull);
  EXPECT(ANeuralNetworksCompilation_finish(nullptr), kNull);
  EXPECT(ANeuralNetworksCompilation_getPreferredMemoryAlignmentForInput(nullptr, 0, &bytes), kNull);
  EXPECT(ANeuralNetworksCompilation_getPreferredMemoryPaddingForInput(nullptr, 0, &bytes), kNull);
  EXPECT(ANeuralNetworksCompilation_getPreferredMemoryAlignmentForOutput(nullptr, 0, &bytes),
         kNull);
  EXPECT(ANeuralNetworksCompilation_getPreferredMemoryPaddingForOutput(nullptr, 0, &bytes), kNull);
  EXPECT(ANeuralNetworksCompilation_getPreferredMemoryAlignmentForInput(compilation, 0, nullptr),
         kNull);
  EXPECT(ANeuralNetworksCompilation_getPreferredMemoryPaddingForInput(compilation, 0, nullptr),
         kNull);
  EXPECT(ANeuralNetworksCompilation_getPreferredMemoryAlignmentForOutput(compilation, 0, nullptr),
         kNull);
  EXPECT(ANeuralNetworksCompilation_getPreferredMemoryPaddingForOutput(compilation, 0, nullptr),
         kNull);
}

void check_execution_functions() {
  Sum sum({1});
  Compilation compilation = compile(sum);
  Execution run = execution(compilation);
  Burst burst;
  ANeuralNetworksBurst_create(compilation, burst.out());
  ANeuralNetworksExecution* made = nullptr;
  ANeuralNetworksBurst* made_burst = nullptr;
  ANeuralNetworksEvent* event = nullptr;
  const ANeuralNetworksEvent* no_event = nullptr;
  float value = 0.0f;
  uint32_t number;
  uint64_t time;
  EXPECT(ANeuralNetworksExecution_create(nullptr, &made), kNull);
  EXPECT(ANeuralNetworksExecution_create(compilation, nullptr), kNull);
  EXPECT(ANeuralNetworksBurst_create(nullptr, &made_burst), kNull);
  EXPECT(ANeuralNetworksBurst_create(compilation, nullptr), kNull);
  EXPECT(ANeuralNetworksExecution_setInput(nullptr, 0, nullptr, &value, 4), kNull);
  EXPECT(ANeuralNetworksExecution_setInput(run, 0, nullptr, nullptr, 4), kNull);
  EXPECT(ANeuralNetworksExecution_setOutput(nullptr, 0, nullptr, &value, 4), kNull);
  EXPECT(ANeuralNetworksExecution_setOutput(run, 0, nullptr, nullptr, 4), kNull);
  EXPECT(ANeuralNetworksExecution_setInputFromMemory(nullptr, 0, nullptr, nullptr, 0, 4), kNull);
  EXPECT(ANeuralNetworksExecution_setInputFromMemory(run, 0, nullptr, nullptr, 0, 4), kNull);
  EXPECT(ANeuralNetworksExecution_setOutputFromMemory(nullptr, 0, nullptr, nullptr, 0, 4), kNull);
  EXPECT(ANeuralNetworksExecution_setOutputFromMemory(run, 0, nullptr, nullptr, 0, 4), kNull);
  EXPECT(ANeuralNetworksExecution_setReusable(nullptr, true), kNull);
  EXPECT(ANeuralNetworksExecution_setMeasureTiming(nullptr, true), kNull);
  EXPECT(ANeuralNetworksExecution_setTimeout(nullptr, 1), kNull);
  EXPECT(ANeuralNetworksExecution_setLoopTimeout(nullptr, 1), kNull);
  EXPECT(ANeuralNetworksExecution_enableInputAndOutputPadding(nullptr, true), kNull);
  EXPECT(ANeuralNetworksExecution_compute(nullptr), kNull);
  EXPECT(ANeuralNetworksExecution_startCompute(nullptr, &event), kNull);
  EXPECT(ANeuralNetworksExecution_startCompute(run, nullptr), kNull);
  EXPECT(ANeuralNetworksExecution_burstCompute(nullptr, burst), kNull);
  EXPECT(ANeuralNetworksExecution_burstCompute(run, nullptr), kNull);
  EXPECT(ANeuralNetworksExecution_startComputeWithDependencies(nullptr, nullptr, 0, 0, &event),
         kNull);
  EXPECT(ANeuralNetworksExecution_startComputeWithDependencies(run, nullptr, 0, 0, nullptr), kNull);
  EXPECT(ANeuralNetworksExecution_startComputeWithDependencies(run, nullptr, 1, 0, &event), kNull);
  EXPECT(ANeuralNetworksExecution_startComputeWithDependencies(run, &no_event, 1, 0, &event),
         kNull);
  EXPECT(ANeuralNetworksExecution_getOutputOperandRank(nullptr, 0, &number), kNull);
  EXPECT(ANeuralNetworksExecution_getOutputOperandRank(run, 0, nullptr), kNull);
  EXPECT(ANeuralNetworksExecution_getOutputOperandDimensions(nullptr, 0, &number), kNull);
  EXPECT(ANeuralNetworksExecution_getOutputOperandDimensions(run, 0, nullptr), kNull);
  EXPECT(ANeuralNetworksExecution_getDuration(nullptr, 0, &time), kNull);
  EXPECT(ANeuralNetworksExecution_getDuration(run, 0, nullptr), kNull);
  EXPECT(ANeuralNetworksEvent_wait(nullptr), kNull);
  EXPECT(ANeuralNetworksEvent_createFromSyncFenceFd(1, nullptr), kNull);
  int fd;
  EXPECT(ANeuralNetworksEvent_getSyncFenceFd(nullptr, &fd), kNull);
}

void check_memory_functions() {
  Sum sum({1});
  Compilation compilation = compile(sum);
  Descriptor descriptor;
  ANeuralNetworksMemoryDesc_create(descriptor.out());
  ANeuralNetworksMemory* memory = nullptr;
  const uint32_t one = 1;
  EXPECT(ANeuralNetworksMemory_createFromFd(4, 3, 0, 0, nullptr), kNull);
  EXPECT(ANeuralNetworksMemory_createFromDesc(nullptr, &memory), kNull);
  EXPECT(ANeuralNetworksMemory_createFromDesc(descriptor, nullptr), kNull);
  EXPECT(ANeuralNetworksMemory_copy(nullptr, nullptr), kNull);
  EXPECT(ANeuralNetworksMemory_createFromAHardwareBuffer(nullptr, &memory), kNull);
  EXPECT(ANeuralNetworksMemoryDesc_create(nullptr), kNull);
  EXPECT(ANeuralNetworksMemoryDesc_addInputRole(nullptr, compilation, 0, 1.0f), kNull);
  EXPECT(ANeuralNetworksMemoryDesc_addInputRole(descriptor, nullptr, 0, 1.0f), kNull);
  EXPECT(ANeuralNetworksMemoryDesc_addOutputRole(nullptr, compilation, 0, 1.0f), kNull);
  EXPECT(ANeuralNetworksMemoryDesc_addOutputRole(descriptor, nullptr, 0, 1.0f), kNull);
  EXPECT(ANeuralNetworksMemoryDesc_setDimensions(nullptr, 1, &one), kNull);
  EXPECT(ANeuralNetworksMemoryDesc_setDimensions(descriptor, 1, nullptr), kNull);
  EXPECT(ANeuralNetworksMemoryDesc_finish(nullptr), kNull);
}

}  // namespace

void check_nulls() {
  check_model_functions();
  check_device_functions();
  check_compilation_functions();
  check_execution_functions();
  check_memory_functions();
  // To free nothing is fine.
  ANeuralNetworksModel_free(nullptr);
  ANeuralNetworksCompilation_free(nullptr);
  ANeuralNetworksExecution_free(nullptr);
  ANeuralNetworksEvent_free(nullptr);
  ANeuralNetworksBurst_free(nullptr);
  ANeuralNetworksMemory_free(nullptr);
  ANeuralNetworksMemoryDesc_free(nullptr);
}

}  // namespace contract
