#include "host/operation/extension_node.h"

#include "host/operation/node.h"

namespace nnapi::host {
namespace {

nnapi_host_node* opaque(const Node& node) {
  return reinterpret_cast<nnapi_host_node*>(const_cast<Node*>(&node));
}

// A failure without a text gets one, and what is no result code is one.
Status told(const Node& node, Status status, const char* function) {
  if (status == kOk) return kOk;
  const Status code = status < 0 ? ANEURALNETWORKS_OP_FAILED : status;
  if (node.has_message()) return code;
  return node.fail(code, "the extension's %s gave the code %d", function, status);
}

struct ExtensionPrepared : Prepared {
  ExtensionPrepared(const ExtensionFunctions& extension, void* prepared)
      : extension(extension), prepared(prepared) {}
  ~ExtensionPrepared() override { extension.functions.release(prepared, extension.user_data); }

  const ExtensionFunctions& extension;
  void* prepared;
};

Status infer(const Node& node) {
  const auto& [functions, user_data] = *node.extension();
  const Status status = functions.infer(opaque(node), user_data);
  return status == NNAPI_HOST_INFER_LATER ? node.later() : told(node, status, "infer");
}

std::unique_ptr<Prepared> prepare(const Node& node) {
  const ExtensionFunctions& extension = *node.extension();
  void* prepared = nullptr;
  const Status status = extension.functions.prepare(opaque(node), extension.user_data, &prepared);
  if (told(node, status, "prepare") != kOk) return nullptr;
  return std::make_unique<ExtensionPrepared>(extension, prepared);
}

Status run(const Node& node, const Prepared* prepared) {
  const auto& [functions, user_data] = *node.extension();
  void* own = prepared ? static_cast<const ExtensionPrepared*>(prepared)->prepared : nullptr;
  return told(node, functions.run(opaque(node), user_data, own), "run");
}

}  // namespace

Operation extension_operation(int32_t code, const char* name, const ExtensionFunctions& functions) {
  return {.code = code,
          .name = name,
          .infer = infer,
          .prepare = functions.functions.prepare ? prepare : nullptr,
          .run = run,
          .extension = &functions};
}

}  // namespace nnapi::host
