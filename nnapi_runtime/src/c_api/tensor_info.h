// What a model says of its inputs, results and states.
#pragma once

#include <string>
#include <vector>

#include "loader/error.h"
#include "session/manifest/manifest.h"
#include "torch_nnapi.h"

namespace nnapi::c_api {

// Without an example. Throws ModelError for a tensor that the struct cannot say.
torch_nnapi_tensor_info info_of(const session::Manifest& manifest, const session::TensorSpec& spec);

// Throws ArgumentError beyond the last.
template <class Item>
const Item& item_at(const std::vector<Item>& items, size_t index, const char* what) {
  if (index >= items.size()) {
    throw loader::ArgumentError(std::string(what) + " " + std::to_string(index) +
                                " is asked for; there are " + std::to_string(items.size()));
  }
  return items[index];
}

}  // namespace nnapi::c_api
