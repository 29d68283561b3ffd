// ANeuralNetworksModel_…
#include "host/model/model.h"

#include <algorithm>

#include "host/abi/handles.h"
#include "host/device/device_list.h"

using namespace nnapi::host;

namespace {

std::span<const uint32_t> list(const uint32_t* values, uint32_t count) { return {values, count}; }

}  // namespace

int ANeuralNetworksModel_create(ANeuralNetworksModel** model) {
  if (model == nullptr) return null_argument("Model_create");
  *model = nullptr;
  return guarded("Model_create", [&] {
    give(std::make_shared<Model>(), model);
    return kOk;
  });
}

void ANeuralNetworksModel_free(ANeuralNetworksModel* model) { release<Model>("Model_free", model); }

int ANeuralNetworksModel_finish(ANeuralNetworksModel* model) {
  return with<Model>("Model_finish", model, [](Model& m) { return m.finish(); });
}

int ANeuralNetworksModel_addOperand(ANeuralNetworksModel* model,
                                    const ANeuralNetworksOperandType* type) {
  if (type == nullptr) return null_argument("Model_addOperand");
  return with<Model>("Model_addOperand", model, [&](Model& m) { return m.add_operand(*type); });
}

int ANeuralNetworksModel_setOperandValue(ANeuralNetworksModel* model, int32_t index,
                                         const void* buffer, size_t length) {
  if (buffer == nullptr && length != 0) return null_argument("Model_setOperandValue");
  return with<Model>("Model_setOperandValue", model, [&](Model& m) {
    return m.set_value(static_cast<uint32_t>(index), buffer, length);
  });
}

int ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(
    ANeuralNetworksModel* model, int32_t index,
    const ANeuralNetworksSymmPerChannelQuantParams* params) {
  constexpr const char* kFunction = "Model_setOperandSymmPerChannelQuantParams";
  if (params == nullptr) return null_argument(kFunction);
  return with<Model>(kFunction, model, [&](Model& m) {
    return m.set_channel_scales(static_cast<uint32_t>(index), *params);
  });
}

int ANeuralNetworksModel_setOperandValueFromMemory(ANeuralNetworksModel* model, int32_t index,
                                                   const ANeuralNetworksMemory* memory,
                                                   size_t offset, size_t length) {
  constexpr const char* kFunction = "Model_setOperandValueFromMemory";
  return with_shared<Memory>(kFunction, memory, [&](std::shared_ptr<Memory> source) {
    return with<Model>(kFunction, model, [&](Model& m) {
      return m.set_value_from_memory(static_cast<uint32_t>(index), std::move(source), offset,
                                     length);
    });
  });
}

int ANeuralNetworksModel_setOperandValueFromModel(ANeuralNetworksModel* model, int32_t index,
                                                  const ANeuralNetworksModel* value) {
  constexpr const char* kFunction = "Model_setOperandValueFromModel";
  return with_shared<Model>(kFunction, value, [&](std::shared_ptr<Model> referenced) {
    return with<Model>(kFunction, model, [&](Model& m) {
      return m.set_value_from_model(static_cast<uint32_t>(index), std::move(referenced));
    });
  });
}

int ANeuralNetworksModel_addOperation(ANeuralNetworksModel* model,
                                      ANeuralNetworksOperationType type, uint32_t inputCount,
                                      const uint32_t* inputs, uint32_t outputCount,
                                      const uint32_t* outputs) {
  if (inputs == nullptr || outputs == nullptr) return null_argument("Model_addOperation");
  return with<Model>("Model_addOperation", model, [&](Model& m) {
    return m.add_operation(type, list(inputs, inputCount), list(outputs, outputCount));
  });
}

int ANeuralNetworksModel_identifyInputsAndOutputs(ANeuralNetworksModel* model, uint32_t inputCount,
                                                  const uint32_t* inputs, uint32_t outputCount,
                                                  const uint32_t* outputs) {
  constexpr const char* kFunction = "Model_identifyInputsAndOutputs";
  if (inputs == nullptr || outputs == nullptr) return null_argument(kFunction);
  return with<Model>(kFunction, model, [&](Model& m) {
    return m.identify_inputs_and_outputs(list(inputs, inputCount), list(outputs, outputCount));
  });
}

int ANeuralNetworksModel_relaxComputationFloat32toFloat16(ANeuralNetworksModel* model, bool allow) {
  return with<Model>("Model_relaxComputationFloat32toFloat16", model,
                     [&](Model& m) { return m.relax(allow); });
}

int ANeuralNetworksModel_getSupportedOperationsForDevices(
    const ANeuralNetworksModel* model, const ANeuralNetworksDevice* const* devices,
    uint32_t numDevices, bool* supportedOps) {
  constexpr const char* kFunction = "Model_getSupportedOperationsForDevices";
  if (supportedOps == nullptr) return null_argument(kFunction);
  return with<Model>(kFunction, model, [&](Model& m) -> Status {
    std::vector<const Device*> asked;
    if (Status status = find_devices(kFunction, devices, numDevices, &asked)) return status;
    if (!m.finished())
      return fail(ANEURALNETWORKS_BAD_STATE, "%s: the model is not finished", kFunction);
    for (size_t i = 0; i < m.operations().size(); ++i)
      supportedOps[i] = std::ranges::any_of(
          asked, [&](const Device* d) { return d->why_not(m, m.operations()[i]).empty(); });
    return kOk;
  });
}
