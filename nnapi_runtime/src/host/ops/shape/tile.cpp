// TILE: the input, multiples[i] times along dimension i.
#include "host/arithmetic/quantization.h"
#include "host/kernels/copy/strided_copy.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kInput, kMultiples };

Status infer(const Node& node) {
  Shape shape = node.in(kInput).shape;
  const Shape& multiples = node.in(kMultiples).shape;
  if (Status s = check_quantization_kept(node)) return s;
  if (multiples.rank() != 1 || multiples[0] != shape.rank())
    return node.bad("multiples must be 1-D with %u entries", shape.rank());
  if (!node.known(kMultiples)) return node.later();
  for (uint32_t i = 0; i < shape.rank(); ++i) {
    const int32_t multiple = node.in(kMultiples).as<int32_t>()[i];
    if (multiple < 0) return node.bad("multiples[%u] is %d, must not be negative", i, multiple);
    if (__builtin_mul_overflow(shape[i], static_cast<uint32_t>(multiple), &shape[i]))
      return node.bad("dimension %u of the output would be too long", i);
  }
  node.out(0).shape = shape;
  return kOk;
}

Status run(const Node& node, const Prepared*) {
  const Tensor& input = node.in(kInput);
  Tensor& output = node.out(0);
  const auto from = element_strides(input.shape), to = element_strides(output.shape);
  StridedCopy copy(element_size(input.type));
  for (uint32_t i = 0; i < input.shape.rank(); ++i) {
    copy.loop(node.in(kMultiples).as<int32_t>()[i], 0, input.shape[i] * to[i]);
    copy.loop(input.shape[i], from[i], to[i]);
  }
  copy.run(node.pool(), input.data, output.data);
  return kOk;
}

}  // namespace

NNAPI_OPERATION(TILE, .infer = infer, .run = run);

}  // namespace nnapi::host
