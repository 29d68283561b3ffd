// TRANSPOSE: dimension i of the output is dimension permutation[i] of the input.
#include "host/arithmetic/quantization.h"
#include "host/kernels/copy/strided_copy.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kInput, kPermutation };

// Without a permutation the dimensions are reversed.
uint32_t source_dim(const Node& node, uint32_t i) {
  if (!node.has(kPermutation)) return node.in(kInput).shape.rank() - 1 - i;
  return static_cast<uint32_t>(node.in(kPermutation).as<int32_t>()[i]);
}

Status infer(const Node& node) {
  const Shape& input = node.in(kInput).shape;
  if (Status s = check_quantization_kept(node)) return s;
  if (node.has(kPermutation)) {
    const Shape& permutation = node.in(kPermutation).shape;
    if (permutation.rank() != 1 || permutation[0] != input.rank())
      return node.bad("permutation must be 1-D with %u entries", input.rank());
    if (!node.known(kPermutation)) return node.later();
    bool seen[kMaxRank] = {};
    for (uint32_t i = 0; i < input.rank(); ++i) {
      const int32_t dim = node.in(kPermutation).as<int32_t>()[i];
      if (dim < 0 || dim >= static_cast<int32_t>(input.rank()) || seen[dim])
        return node.bad("permutation[%u] is %d; each of 0 to %u must be there once", i, dim,
                        input.rank() - 1);
      seen[dim] = true;
    }
  }
  Shape shape;
  for (uint32_t i = 0; i < input.rank(); ++i) shape.push_back(input[source_dim(node, i)]);
  node.out(0).shape = shape;
  return kOk;
}

Status run(const Node& node, const Prepared*) {
  const Tensor& input = node.in(kInput);
  Tensor& output = node.out(0);
  const auto from = element_strides(input.shape), to = element_strides(output.shape);
  StridedCopy copy(element_size(input.type));
  for (uint32_t i = 0; i < output.shape.rank(); ++i)
    copy.loop(output.shape[i], from[source_dim(node, i)], to[i]);
  copy.run(node.pool(), input.data, output.data);
  return kOk;
}

}  // namespace

NNAPI_OPERATION(TRANSPOSE, .infer = infer, .run = run);

}  // namespace nnapi::host
