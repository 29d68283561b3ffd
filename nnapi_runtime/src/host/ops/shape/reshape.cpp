// RESHAPE, SQUEEZE, EXPAND_DIMS (the same elements under another shape), RANK and FILL.
#include "host/arithmetic/quantization.h"
#include "host/kernels/copy/strided_copy.h"
#include "host/operation/axis.h"

namespace nnapi::host {
namespace {

Status run_copy(const Node& node, const Prepared*) {
  if (node.in(0).data == node.out(0).data) return kOk;
  copy_elements(node.pool(), element_size(node.in(0).type), node.in(0).count(), node.in(0).data,
                node.out(0).data);
  return kOk;
}

namespace reshape {

enum Input : uint32_t { kInput, kShape };

Status infer(const Node& node) {
  const Tensor& input = node.in(kInput);
  const Shape& target = node.in(kShape).shape;
  if (Status s = check_quantization_kept(node)) return s;
  if (target.rank() != 1) return node.bad("shape has rank %u, must be 1-D", target.rank());
  if (target[0] > kMaxRank)
    return node.bad("shape has %u entries, at most %u are possible", target[0], kMaxRank);
  if (!node.known(kShape)) return node.later();

  const int32_t* dims = node.in(kShape).as<int32_t>();
  const size_t count = input.count();
  int64_t given = 1;  // product of all dimensions but the one to be computed
  uint32_t computed = kMaxRank;
  Shape shape;
  for (uint32_t i = 0; i < target[0]; ++i) {
    if (dims[i] == -1) {
      if (computed != kMaxRank) return node.bad("shape has -1 at %u and at %u", computed, i);
      computed = i;
      shape.push_back(0);
      continue;
    }
    if (dims[i] < 0) return node.bad("shape[%u] is %d, must be -1 or not negative", i, dims[i]);
    shape.push_back(static_cast<uint32_t>(dims[i]));
    if (__builtin_mul_overflow(given, int64_t{dims[i]}, &given))
      return node.bad("shape has more elements than can be counted");
  }
  if (computed != kMaxRank) {
    if (given == 0) return node.bad("shape[%u] is -1 next to a dimension of 0", computed);
    shape[computed] = static_cast<uint32_t>(count / given);
    given *= shape[computed];
  }
  if (static_cast<size_t>(given) != count)
    return node.bad("shape holds %lld elements, the input has %zu", static_cast<long long>(given),
                    count);
  node.out(0).shape = shape;
  return kOk;
}

}  // namespace reshape

namespace squeeze {

enum Input : uint32_t { kInput, kAxes };

Status infer(const Node& node) {
  const Tensor& input = node.in(kInput);
  const uint32_t rank = input.shape.rank();
  if (Status s = check_quantization_kept(node)) return s;

  bool dropped[kMaxRank] = {};
  if (node.has(kAxes)) {
    const Shape& axes = node.in(kAxes).shape;
    if (axes.rank() != 1) return node.bad("axes has rank %u, must be 1-D", axes.rank());
    if (!node.known(kAxes)) return node.later();
    for (uint32_t i = 0; i < axes[0]; ++i) {
      const int32_t given = node.in(kAxes).as<int32_t>()[i];
      const int64_t axis = given < 0 ? int64_t{given} + rank : given;
      if (axis < 0 || axis >= rank)
        return node.bad("axes[%u] is %d, outside [-%u, %u)", i, given, rank, rank);
      if (input.shape[axis] != 1)
        return node.bad("dimension %d is %u, only a dimension of 1 can be squeezed",
                        static_cast<int>(axis), input.shape[axis]);
      dropped[axis] = true;
    }
  } else {
    for (uint32_t i = 0; i < rank; ++i) dropped[i] = input.shape[i] == 1;
  }

  Shape shape;
  for (uint32_t i = 0; i < rank; ++i)
    if (!dropped[i]) shape.push_back(input.shape[i]);
  if (shape.rank() == 0) shape.push_back(1);
  node.out(0).shape = shape;
  return kOk;
}

}  // namespace squeeze

namespace expand_dims {

enum Input : uint32_t { kInput, kAxis };

Status infer(const Node& node) {
  const Shape& input = node.in(kInput).shape;
  if (Status s = check_quantization_kept(node)) return s;
  if (input.rank() == kMaxRank) return node.bad("the output would have rank %u", kMaxRank + 1);
  uint32_t axis;
  if (Status s = read_axis(node, kAxis, input.rank() + 1, &axis)) return s;

  Shape shape;
  for (uint32_t i = 0; i <= input.rank(); ++i)
    shape.push_back(i == axis ? 1 : input[i < axis ? i : i - 1]);
  node.out(0).shape = shape;
  return kOk;
}

}  // namespace expand_dims

namespace rank {

Status infer(const Node& node) {
  node.out(0).shape = Shape();
  return kOk;
}

Status run(const Node& node, const Prepared*) {
  *node.out(0).as<int32_t>() = static_cast<int32_t>(node.in(0).shape.rank());
  return kOk;
}

}  // namespace rank

namespace fill {

enum Input : uint32_t { kShape, kValue };

Status infer(const Node& node) {
  const Shape& target = node.in(kShape).shape;
  if (target.rank() != 1) return node.bad("shape has rank %u, must be 1-D", target.rank());
  if (target[0] == 0 || target[0] > kMaxRank)
    return node.bad("shape has %u entries, must be 1 to %u", target[0], kMaxRank);
  if (!node.known(kShape)) return node.later();

  const int32_t* dims = node.in(kShape).as<int32_t>();
  Shape shape;
  for (uint32_t i = 0; i < target[0]; ++i) {
    if (dims[i] < 0) return node.bad("shape[%u] is %d, must not be negative", i, dims[i]);
    shape.push_back(static_cast<uint32_t>(dims[i]));
  }
  node.out(0).shape = shape;
  return kOk;
}

Status run(const Node& node, const Prepared*) {
  StridedCopy copy(element_size(node.out(0).type));
  copy.loop(node.out(0).count(), 0, 1);
  copy.run(node.pool(), node.in(kValue).data, node.out(0).data);
  return kOk;
}

}  // namespace fill
}  // namespace

NNAPI_OPERATION(RESHAPE, .infer = reshape::infer, .run = run_copy, .only_reshapes = true);
NNAPI_OPERATION(SQUEEZE, .infer = squeeze::infer, .run = run_copy, .only_reshapes = true);
NNAPI_OPERATION(EXPAND_DIMS, .infer = expand_dims::infer, .run = run_copy, .only_reshapes = true);
NNAPI_OPERATION(RANK, .infer = rank::infer, .run = rank::run);
NNAPI_OPERATION(FILL, .infer = fill::infer, .run = fill::run);

}  // namespace nnapi::host
