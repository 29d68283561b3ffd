#include "host/multiply_add.h"

#include "host/kernels/simd/tile.h"
#include "host/map_elements.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kA, kB, kActivation };

// Is it this operation of float32 numbers, without an activation?
bool is_plain(const Model& model, const OperationNode& operation, int32_t code) {
  const auto& tensors = model.shapes().tensors;
  return operation.entry->operation->code == code &&
         tensors[operation.outputs[0]].type == ANEURALNETWORKS_TENSOR_FLOAT32 &&
         *tensors[operation.inputs[kActivation]].as<int32_t>() == ANEURALNETWORKS_FUSED_NONE;
}

}  // namespace

ElementLoop multiply_add_loop(const Model& model, const OperationNode& product,
                              const OperationNode& sum) {
  if (!is_plain(model, product, ANEURALNETWORKS_MUL) || !is_plain(model, sum, ANEURALNETWORKS_ADD))
    return {};
  const auto& tensors = model.shapes().tensors;
  const uint32_t between = product.outputs[0];
  const size_t count = tensors[between].count();
  const bool is_first = sum.inputs[kA] == between;
  const Tensor& number = tensors[sum.inputs[is_first ? kB : kA]];
  if ((!is_first && sum.inputs[kB] != between) || !number.constant || number.count() != 1 ||
      tensors[sum.outputs[0]].count() != count || tensors[product.inputs[kA]].count() != count ||
      tensors[product.inputs[kB]].count() != count)
    return {};
  const Broadcast together(tensors[between].shape, tensors[between].shape);
  return ElementLoop(tile_loops().multiply_add, *number.as<float>(), &together, kElementGrain,
                     std::type_identity<float>{}, std::type_identity<float>{});
}

}  // namespace nnapi::host
