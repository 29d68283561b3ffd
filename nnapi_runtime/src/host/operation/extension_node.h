// A vendor's functions as an operation of this runtime.
#pragma once

#include "host/operation/operation.h"
#include "nnapi/host_extension.h"

namespace nnapi::host {

// What an extension's operation is made of; stays where it is for the rest of the process.
struct ExtensionFunctions {
  nnapi_host_extension_operation functions;
  void* user_data = nullptr;
};

Operation extension_operation(int32_t code, const char* name, const ExtensionFunctions& functions);

}  // namespace nnapi::host
