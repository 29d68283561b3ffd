#include "host/program/shared_preparation.h"

#include <bit>

namespace nnapi::host {

std::shared_ptr<const Prepared> SharedPreparation::prepare(const OperationNode& operation,
                                                           const Node& node) {
  const auto prepare = operation.entry->operation->prepare;
  if (!prepare) return nullptr;
  std::shared_ptr<const Prepared>& prepared = prepared_[likeness_of(operation)];
  if (!prepared) prepared = prepare(node);
  return prepared;
}

SharedPreparation::Likeness SharedPreparation::likeness_of(const OperationNode& operation) const {
  Likeness likeness = {reinterpret_cast<uintptr_t>(operation.entry), operation.inputs.size()};
  for (uint32_t input : operation.inputs) {
    const Lifetime lifetime = model_.operands()[input].lifetime;
    const bool is_fixed = lifetime == Lifetime::kConstant || lifetime == Lifetime::kOmitted;
    likeness.push_back(is_fixed ? input : UINT64_MAX);
    if (!is_fixed) add_tensor(input, likeness);
  }
  for (uint32_t output : operation.outputs) add_tensor(output, likeness);
  return likeness;
}

void SharedPreparation::add_tensor(uint32_t operand, Likeness& likeness) const {
  const Tensor& tensor = model_.shapes().tensors[operand];
  likeness.insert(
      likeness.end(),
      {static_cast<uint64_t>(tensor.type), std::bit_cast<uint32_t>(tensor.scale),
       static_cast<uint64_t>(tensor.zero_point), reinterpret_cast<uintptr_t>(tensor.channel.scales),
       reinterpret_cast<uintptr_t>(tensor.extension.data), tensor.shape.rank()});
  likeness.insert(likeness.end(), tensor.shape.begin(), tensor.shape.end());
}

}  // namespace nnapi::host
