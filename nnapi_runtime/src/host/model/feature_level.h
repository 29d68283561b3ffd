// Since when NNAPI has an operation in the form in which a model uses it.
#pragma once

#include <cstdint>

#include "host/model/model.h"

namespace nnapi::host {

// Of the operation itself; of IF and WHILE without what is in their models.
int32_t feature_level_of(const Model& model, const OperationNode& operation);

}  // namespace nnapi::host
