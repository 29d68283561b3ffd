// CHANNEL_SHUFFLE: channels that lie group by group in the input alternate between the groups in
// the output.
#include "host/arithmetic/quantization.h"
#include "host/kernels/copy/strided_copy.h"
#include "host/operation/axis.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kInput, kGroups, kAxis };

Status infer(const Node& node) {
  const Shape& input = node.in(kInput).shape;
  if (Status s = check_quantization_kept(node)) return s;
  uint32_t axis;
  if (Status s = read_axis(node, kAxis, input.rank(), &axis)) return s;
  if (!node.known(kGroups)) return node.later();
  const int32_t groups = node.scalar<int32_t>(kGroups);
  if (groups < 1 || input[axis] % groups != 0)
    return node.bad("%d groups do not divide dimension %u, which is %u", groups, axis, input[axis]);
  node.out(0).shape = input;
  return kOk;
}

Status run(const Node& node, const Prepared*) {
  const Tensor& input = node.in(kInput);
  if (input.count() == 0) return kOk;
  uint32_t axis;
  if (Status s = read_axis(node, kAxis, input.shape.rank(), &axis)) return s;
  const int64_t groups = node.scalar<int32_t>(kGroups);
  const int64_t group_size = input.shape[axis] / groups;
  const auto inner = static_cast<int64_t>(input.shape.count(axis + 1, input.shape.rank()));
  const int64_t row = groups * group_size * inner;
  StridedCopy copy(element_size(input.type));
  copy.loop(input.shape.count(0, axis), row, row);
  copy.loop(group_size, inner, groups * inner);
  copy.loop(groups, group_size * inner, inner);
  copy.loop(inner, 1, 1);
  copy.run(node.pool(), input.data, node.out(0).data);
  return kOk;
}

}  // namespace

NNAPI_OPERATION(CHANNEL_SHUFFLE, .infer = infer, .run = run);

}  // namespace nnapi::host
