// How much memory a model's constants are.
#pragma once

#include <cstddef>

#include "host/model/model.h"

namespace nnapi::host {

// Of the model and of all that it refers to. What lies in several constants counts once.
size_t constant_bytes(const Model& model);

}  // namespace nnapi::host
