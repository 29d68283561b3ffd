// The extensions that the process has registered: their names, operand types and operations.
#pragma once

#include <cstdint>

#include "host/operation/opset.h"
#include "nnapi/host_extension.h"

namespace nnapi::host {

// Codes of an extension are its number, from 1, above sixteen bits of its own.
constexpr int kExtensionShift = 16;

// Refuses what host_extension.h says.
Status register_extension(const nnapi_host_extension& extension);

// The code of what an extension calls `code`; 0 where no extension has this name.
int32_t extension_code(const char* name, uint16_t code);

// The entry of an extension's operation; null where there is none.
const OpsetEntry* find_extension_operation(int32_t code);

}  // namespace nnapi::host
