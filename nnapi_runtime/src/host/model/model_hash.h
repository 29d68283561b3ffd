// Everything about a model that compiling it depends on, weights included, as a number.
#pragma once

#include <cstdint>

namespace nnapi::host {

class Model;

uint64_t model_hash(const Model& model);

}  // namespace nnapi::host
