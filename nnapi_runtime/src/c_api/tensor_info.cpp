#include "c_api/tensor_info.h"

#include <algorithm>

#include "c_api/tensors.h"

namespace nnapi::c_api {
namespace {

// Where a value crosses into or out of NNAPI quantised, in the pieces outside of control flow.
const session::BorderSpec* quantised_border(const session::Manifest& manifest,
                                            const std::string& name) {
  for (const session::PieceSpec& piece : manifest.pieces) {
    const auto* nnapi = std::get_if<session::NnapiSpec>(&piece);
    if (nnapi == nullptr) continue;
    for (const auto* borders : {&nnapi->inputs, &nnapi->outputs}) {
      for (const session::BorderSpec& border : *borders) {
        if (border.value == name && border.scale != 0.0) return &border;
      }
    }
  }
  return nullptr;
}

}  // namespace

torch_nnapi_tensor_info info_of(const session::Manifest& manifest,
                                const session::TensorSpec& spec) {
  const std::string what = "'" + spec.name + "'";
  torch_nnapi_tensor_info info{};
  info.name = spec.name.c_str();
  info.dtype = dtype_of(spec.dtype, what);
  if (spec.shape.size() > TORCH_NNAPI_MAX_RANK) {
    throw loader::ModelError(what + " has " + std::to_string(spec.shape.size()) +
                             " dimensions; this interface has at most " +
                             std::to_string(TORCH_NNAPI_MAX_RANK));
  }
  info.rank = static_cast<int32_t>(spec.shape.size());
  std::copy(spec.shape.begin(), spec.shape.end(), info.shape);
  if (const auto* border = quantised_border(manifest, spec.name)) {
    info.scale = border->scale;
    info.zero_point = border->zero_point;
  }
  info.written_input = -1;
  return info;
}

}  // namespace nnapi::c_api
