#include "loader/built_model.h"

#include <string>

#include "loader/error.h"

namespace nnapi::loader {
namespace {

#define NNAPI_CALL(function, what, ...) \
  library.check(library.function(__VA_ARGS__), #function, what)

std::string numbered(const char* noun, uint64_t number) {
  return std::string(noun) + " " + std::to_string(number);
}

// NNAPI takes no null for a list, not even an empty one.
template <class List>
const uint32_t* list(const List& indices) {
  static constexpr uint32_t kNone = 0;
  return indices.empty() ? &kNone : indices.data();
}

void add_operands(const Library& library, const Model& model, ANeuralNetworksModel* handle) {
  for (size_t i = 0; i < model.operands.size(); ++i) {
    const Operand& operand = model.operands[i];
    const ANeuralNetworksOperandType type = {
        operand.type, static_cast<uint32_t>(operand.dims.size()),
        operand.dims.empty() ? nullptr : operand.dims.data(), operand.scale, operand.zero_point};
    NNAPI_CALL(ANeuralNetworksModel_addOperand, numbered("operand", i), handle, &type);
  }
  for (const ChannelQuant& quant : model.channel_quants) {
    library.need(library.ANeuralNetworksModel_setOperandSymmPerChannelQuantParams,
                 "ANeuralNetworksModel_setOperandSymmPerChannelQuantParams", 29,
                 "a weight with a scale for each channel");
    const ANeuralNetworksSymmPerChannelQuantParams params = {
        quant.channel_dim, static_cast<uint32_t>(quant.scales.size()), quant.scales.data()};
    NNAPI_CALL(ANeuralNetworksModel_setOperandSymmPerChannelQuantParams,
               numbered("operand", quant.operand), handle, static_cast<int32_t>(quant.operand),
               &params);
  }
}

// Values of more than 128 bytes are not copied by the library: it keeps the pointers.
void set_values(const Library& library, const Model& model, ANeuralNetworksModel* handle,
                const std::vector<Owned<ANeuralNetworksModel>>& built) {
  for (const Value& value : model.values) {
    NNAPI_CALL(ANeuralNetworksModel_setOperandValue, numbered("operand", value.operand), handle,
               static_cast<int32_t>(value.operand), value.data, value.length);
  }
  for (const SubmodelValue& value : model.submodels) {
    library.need(library.ANeuralNetworksModel_setOperandValueFromModel,
                 "ANeuralNetworksModel_setOperandValueFromModel", 30, "control flow");
    NNAPI_CALL(ANeuralNetworksModel_setOperandValueFromModel, numbered("operand", value.operand),
               handle, static_cast<int32_t>(value.operand), built[value.model].get());
  }
}

void add_operations(const Library& library, const Model& model, ANeuralNetworksModel* handle,
                    bool is_main) {
  for (uint32_t i = 0; i < model.operations.size(); ++i) {
    const Operation& operation = model.operations[i];
    const int code = library.ANeuralNetworksModel_addOperation(
        handle, operation.code, static_cast<uint32_t>(operation.inputs.size()),
        list(operation.inputs), static_cast<uint32_t>(operation.outputs.size()),
        list(operation.outputs));
    library.check(code, "ANeuralNetworksModel_addOperation",
                  numbered("operation", i) + " (" + numbered("code", operation.code) + ")",
                  is_main ? std::optional(i) : std::nullopt);
  }
}

Owned<ANeuralNetworksModel> build(const Library& library, const Model& model, bool is_main,
                                  bool relaxed,
                                  const std::vector<Owned<ANeuralNetworksModel>>& built) {
  ANeuralNetworksModel* handle = nullptr;
  NNAPI_CALL(ANeuralNetworksModel_create, "", &handle);
  Owned<ANeuralNetworksModel> owned(handle, library.ANeuralNetworksModel_free);
  // Our own runtime can say what is wrong before a model runs.
  if (library.nnapi_host_model_set_strict)
    NNAPI_CALL(nnapi_host_model_set_strict, "", handle, true);
  add_operands(library, model, handle);
  set_values(library, model, handle, built);
  add_operations(library, model, handle, is_main);
  NNAPI_CALL(ANeuralNetworksModel_identifyInputsAndOutputs, "", handle,
             static_cast<uint32_t>(model.inputs.size()), list(model.inputs),
             static_cast<uint32_t>(model.outputs.size()), list(model.outputs));
  if (relaxed) {
    library.need(library.ANeuralNetworksModel_relaxComputationFloat32toFloat16,
                 "ANeuralNetworksModel_relaxComputationFloat32toFloat16", 28,
                 "relaxed computation");
    NNAPI_CALL(ANeuralNetworksModel_relaxComputationFloat32toFloat16, "", handle, true);
  }
  NNAPI_CALL(ANeuralNetworksModel_finish, is_main ? "" : "a submodel", handle);
  return owned;
}

}  // namespace

BuiltModel::BuiltModel(const Library& library, std::span<const Model> models, bool relaxed) {
  built_.resize(models.size());
  for (size_t number = models.size(); number-- > 0;) {
    built_[number] = build(library, models[number], number == 0, relaxed, built_);
  }
}

BuiltModel::~BuiltModel() {
  for (auto& model : built_) model = {};
}

}  // namespace nnapi::loader
