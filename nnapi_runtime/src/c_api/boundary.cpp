#include "c_api/boundary.h"

#include "nnapi/neural_networks.h"

namespace nnapi::c_api {
namespace {

struct Remembered {
  torch_nnapi_error error{sizeof(torch_nnapi_error), TORCH_NNAPI_OK, "", "", "", -1, "", ""};
  std::string message, call, code, node, source;
};

Remembered& remembered() {
  thread_local Remembered last;
  return last;
}

torch_nnapi_status status_of(const loader::Error& error) {
  if (error.code == ANEURALNETWORKS_OUT_OF_MEMORY) return TORCH_NNAPI_OUT_OF_MEMORY;
  switch (error.kind) {
    case loader::ErrorKind::kLibrary:
      return TORCH_NNAPI_NO_LIBRARY;
    case loader::ErrorKind::kModel:
      return TORCH_NNAPI_BAD_MODEL;
    case loader::ErrorKind::kArgument:
      return TORCH_NNAPI_BAD_ARGUMENT;
    case loader::ErrorKind::kCall:
      break;
  }
  return TORCH_NNAPI_CALL_FAILED;
}

}  // namespace

torch_nnapi_status remember(const loader::Error& error) {
  Remembered& last = remembered();
  last.message = error.text;
  last.call = error.call;
  last.code = error.code == 0 ? "" : loader::code_name(error.code);
  last.node = error.node;
  last.source = error.source;
  last.error = {sizeof(torch_nnapi_error), status_of(error),
                last.message.c_str(),      last.call.c_str(),
                last.code.c_str(),         error.operation ? int64_t{*error.operation} : -1,
                last.node.c_str(),         last.source.c_str()};
  return last.error.status;
}

torch_nnapi_status remember_out_of_memory() {
  Remembered& last = remembered();
  last.error = {
      sizeof(torch_nnapi_error), TORCH_NNAPI_OUT_OF_MEMORY, "out of memory", "", "", -1, "", ""};
  return TORCH_NNAPI_OUT_OF_MEMORY;
}

}  // namespace nnapi::c_api

extern "C" {

int32_t torch_nnapi_version(void) { return TORCH_NNAPI_VERSION; }

const torch_nnapi_error* torch_nnapi_last_error(void) { return &nnapi::c_api::remembered().error; }
}
