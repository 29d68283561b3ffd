// Compilation caching: one file for each token, which tells whether the model is still the one that
// it was written for.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "nnapi/neural_networks.h"

namespace nnapi::host {

class Model;
using CacheToken = std::array<uint8_t, ANEURALNETWORKS_BYTE_SIZE_OF_CACHE_TOKEN>;

// Everything about a model that compiling it depends on, weights included.
uint64_t model_hash(const Model& model);

// Looks for the token's file in the directory, and writes it anew unless it is there, intact, and
// of this model and version. A cache that can't be read or written is no error. True: it was found.
bool refresh_cache(const std::string& directory, const CacheToken& token, const Model& model);

}  // namespace nnapi::host
