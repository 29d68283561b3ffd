// The vendor extensions: ANeuralNetworksModel_getExtension…, and nnapi_host_… of host_extension.h.
#include "nnapi/host_extension.h"

#include "host/abi/handles.h"
#include "host/execution/execution.h"
#include "host/operation/extension_registry.h"

using namespace nnapi::host;

namespace {

const Node& node_of(const nnapi_host_node* node) { return *reinterpret_cast<const Node*>(node); }

void describe(const Tensor& tensor, nnapi_host_operand* operand) {
  *operand = {.type = tensor.type,
              .rank = tensor.shape.rank(),
              .dimensions = tensor.shape.begin(),
              .scale = tensor.scale,
              .zero_point = tensor.zero_point,
              .data = tensor.data,
              .bytes = tensor.count() * element_size(tensor.type),
              .extension_data = tensor.extension.data,
              .extension_data_length = tensor.extension.bytes};
}

Status extension_code_of(const char* function, const ANeuralNetworksModel* model, const char* name,
                         uint16_t code, int32_t* result) {
  if (name == nullptr || result == nullptr) return null_argument(function);
  return with<Model>(function, model, [&](Model&) -> Status {
    const int32_t found = extension_code(name, code);
    if (found == 0) return fail(ANEURALNETWORKS_BAD_DATA, "%s: no extension %s", function, name);
    *result = found;
    return kOk;
  });
}

}  // namespace

int ANeuralNetworksModel_getExtensionOperandType(ANeuralNetworksModel* model,
                                                 const char* extensionName,
                                                 uint16_t operandCodeWithinExtension,
                                                 int32_t* type) {
  return extension_code_of("Model_getExtensionOperandType", model, extensionName,
                           operandCodeWithinExtension, type);
}

int ANeuralNetworksModel_getExtensionOperationType(ANeuralNetworksModel* model,
                                                   const char* extensionName,
                                                   uint16_t operationCodeWithinExtension,
                                                   ANeuralNetworksOperationType* type) {
  return extension_code_of("Model_getExtensionOperationType", model, extensionName,
                           operationCodeWithinExtension, type);
}

int ANeuralNetworksModel_setOperandExtensionData(ANeuralNetworksModel* model, int32_t index,
                                                 const void* data, size_t length) {
  constexpr const char* kFunction = "Model_setOperandExtensionData";
  if (data == nullptr && length != 0) return null_argument(kFunction);
  return with<Model>(kFunction, model, [&](Model& m) {
    return m.set_extension_data(static_cast<uint32_t>(index),
                                {static_cast<const uint8_t*>(data), length});
  });
}

int ANeuralNetworksCompilation_addExtensionAttribute(ANeuralNetworksCompilation* compilation,
                                                     const char* extensionName, uint16_t,
                                                     const void* data, size_t length) {
  constexpr const char* kFunction = "Compilation_addExtensionAttribute";
  if (extensionName == nullptr || (data == nullptr && length != 0)) return null_argument(kFunction);
  return with<Compilation>(kFunction, compilation,
                           [&](Compilation& c) { return c.refuse_extension(extensionName); });
}

int ANeuralNetworksExecution_addExtensionAttribute(ANeuralNetworksExecution* execution,
                                                   const char* extensionName, uint16_t,
                                                   const void* data, size_t length) {
  constexpr const char* kFunction = "Execution_addExtensionAttribute";
  if (extensionName == nullptr || (data == nullptr && length != 0)) return null_argument(kFunction);
  return with<Execution>(kFunction, execution,
                         [&](Execution& e) { return e.refuse_extension(extensionName); });
}

int nnapi_host_register_extension(const nnapi_host_extension* extension) {
  constexpr const char* kFunction = "register_extension";
  if (extension == nullptr || extension->name == nullptr ||
      (extension->operand_types == nullptr && extension->operand_type_count != 0) ||
      (extension->operations == nullptr && extension->operation_count != 0))
    return null_argument(kFunction);
  return guarded(kFunction, [&] { return register_extension(*extension); });
}

uint32_t nnapi_host_node_input_count(const nnapi_host_node* node) {
  return node_of(node).num_inputs();
}

uint32_t nnapi_host_node_output_count(const nnapi_host_node* node) {
  return node_of(node).num_outputs();
}

bool nnapi_host_node_input(const nnapi_host_node* node, uint32_t index,
                           nnapi_host_operand* operand) {
  if (index >= node_of(node).num_inputs()) return false;
  describe(node_of(node).in(index), operand);
  return true;
}

bool nnapi_host_node_output(const nnapi_host_node* node, uint32_t index,
                            nnapi_host_operand* operand) {
  if (index >= node_of(node).num_outputs()) return false;
  describe(node_of(node).out(index), operand);
  return true;
}

int nnapi_host_node_set_output_dimensions(nnapi_host_node* node, uint32_t index, uint32_t rank,
                                          const uint32_t* dimensions) {
  const Node& of = node_of(node);
  if (index >= of.num_outputs()) return of.bad("there is no output %u to give a shape", index);
  if (rank > kMaxRank || (dimensions == nullptr && rank != 0))
    return of.bad("output %u of rank %u, at most %u is supported", index, rank, kMaxRank);
  of.out(index).shape = Shape(dimensions, rank);
  return kOk;
}

int nnapi_host_node_fail(nnapi_host_node* node, int code, const char* why) {
  return node_of(node).fail(code == kOk ? ANEURALNETWORKS_BAD_DATA : code, "%s", why);
}
