// SLICE, STRIDED_SLICE and REVERSE: a regular part of the input.
#include <algorithm>

#include "host/arithmetic/quantization.h"
#include "host/kernels/copy/strided_copy.h"

namespace nnapi::host {
namespace {

// Which elements of one dimension are taken: `size` of them, from `begin` on, `step` apart.
struct Range {
  int64_t begin, step, size;
};

// The run of operations that take kRange(node, i) of dimension i.
template <Range (*kRange)(const Node&, uint32_t)>
Status run(const Node& node, const Prepared*) {
  const Tensor& input = node.in(0);
  Tensor& output = node.out(0);
  if (output.count() == 0) return kOk;
  const size_t bytes = element_size(input.type);
  const auto from = element_strides(input.shape);
  int64_t start = 0, to = static_cast<int64_t>(output.count());
  StridedCopy copy(bytes);
  for (uint32_t i = 0; i < input.shape.rank(); ++i) {
    const Range range = kRange(node, i);
    start += range.begin * from[i];
    to /= range.size;
    // A single element may come with a step of any size.
    copy.loop(range.size, range.size > 1 ? range.step * from[i] : 0, to);
  }
  copy.run(node.pool(), input.as<char>() + start * static_cast<int64_t>(bytes), output.data);
  return kOk;
}

// Is input i a list with one entry for each dimension of input 0?
Status check_one_per_dim(const Node& node, uint32_t i, const char* name) {
  const Shape& list = node.in(i).shape;
  const uint32_t rank = node.in(0).shape.rank();
  if (list.rank() == 1 && list[0] == rank) return kOk;
  return node.bad("%s must be 1-D with %u entries", name, rank);
}

namespace slice {

enum Input : uint32_t { kInput, kBegin, kSize };

Range range(const Node& node, uint32_t i) {
  const int64_t begin = node.in(kBegin).as<int32_t>()[i];
  const int64_t size = node.in(kSize).as<int32_t>()[i];
  return {begin, 1, size == -1 ? node.in(kInput).shape[i] - begin : size};
}

Status infer(const Node& node) {
  const Tensor& input = node.in(kInput);
  if (Status s = check_quantization_kept(node)) return s;
  if (Status s = check_one_per_dim(node, kBegin, "begin")) return s;
  if (Status s = check_one_per_dim(node, kSize, "size")) return s;
  if (!node.known(kBegin) || !node.known(kSize)) return node.later();
  Shape shape;
  for (uint32_t i = 0; i < input.shape.rank(); ++i) {
    const Range r = range(node, i);
    if (r.begin < 0 || r.size < 0 || r.begin + r.size > input.shape[i])
      return node.bad("begin %lld and size %lld are outside dimension %u, which is %u",
                      static_cast<long long>(r.begin), static_cast<long long>(r.size), i,
                      input.shape[i]);
    shape.push_back(static_cast<uint32_t>(r.size));
  }
  node.out(0).shape = shape;
  return kOk;
}

}  // namespace slice

namespace strided_slice {

enum Input : uint32_t { kInput, kBegin, kEnd, kStrides, kBeginMask, kEndMask, kShrinkAxisMask };

bool bit(const Node& node, uint32_t mask, uint32_t i) {
  return (static_cast<uint32_t>(node.scalar<int32_t>(mask)) >> i) & 1;
}

// An index as the caller gave it, counted from the end when negative, brought into [low, high].
int64_t clamp_index(int64_t index, int64_t dim, int64_t low, int64_t high) {
  return std::clamp(index < 0 ? index + dim : index, low, high);
}

Range range(const Node& node, uint32_t i) {
  const int64_t dim = node.in(kInput).shape[i];
  const int64_t step = node.in(kStrides).as<int32_t>()[i];
  // Where a walk through the whole dimension starts and, one beyond the last, ends.
  const int64_t first = step > 0 ? 0 : dim - 1, beyond = step > 0 ? dim : -1;
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? dim : dim - 1;
  const int64_t begin = bit(node, kBeginMask, i)
                            ? first
                            : clamp_index(node.in(kBegin).as<int32_t>()[i], dim, low, high);
  const int64_t end =
      bit(node, kEndMask, i) ? beyond : clamp_index(node.in(kEnd).as<int32_t>()[i], dim, low, high);
  const int64_t distance = step > 0 ? end - begin : begin - end;
  const int64_t pace = step > 0 ? step : -step;
  return {begin, step, distance > 0 ? (distance + pace - 1) / pace : 0};
}

Status infer(const Node& node) {
  const Tensor& input = node.in(kInput);
  if (Status s = check_quantization_kept(node)) return s;
  if (Status s = check_one_per_dim(node, kBegin, "begin")) return s;
  if (Status s = check_one_per_dim(node, kEnd, "end")) return s;
  if (Status s = check_one_per_dim(node, kStrides, "strides")) return s;
  for (uint32_t i = kBegin; i <= kShrinkAxisMask; ++i)
    if (!node.known(i)) return node.later();

  Shape shape;
  for (uint32_t i = 0; i < input.shape.rank(); ++i) {
    const int32_t step = node.in(kStrides).as<int32_t>()[i];
    if (step == 0) return node.bad("strides[%u] is 0", i);
    const int64_t size = range(node, i).size;
    if (!bit(node, kShrinkAxisMask, i)) {
      shape.push_back(static_cast<uint32_t>(size));
    } else if (step < 0 || size != 1) {
      return node.bad("axis %u is to be shrunk but takes %lld elements in steps of %d", i,
                      static_cast<long long>(size), step);
    }
  }
  if (shape.rank() == 0) shape.push_back(1);
  node.out(0).shape = shape;
  return kOk;
}

}  // namespace strided_slice

namespace reverse {

enum Input : uint32_t { kInput, kAxis };

Status infer(const Node& node) {
  const Shape& input = node.in(kInput).shape;
  const Shape& axis = node.in(kAxis).shape;
  if (Status s = check_quantization_kept(node)) return s;
  if (axis.rank() != 1 || axis[0] != 1) return node.bad("axis must be 1-D with one entry");
  if (!node.known(kAxis)) return node.later();
  const int32_t value = *node.in(kAxis).as<int32_t>();
  if (value < 0 || value >= static_cast<int32_t>(input.rank()))
    return node.bad("axis %d is outside [0, %u)", value, input.rank());
  node.out(0).shape = input;
  return kOk;
}

Range range(const Node& node, uint32_t i) {
  const uint32_t size = node.in(kInput).shape[i];
  const auto axis = static_cast<uint32_t>(*node.in(kAxis).as<int32_t>());
  return i == axis ? Range{int64_t{size} - 1, -1, size} : Range{0, 1, size};
}

}  // namespace reverse
}  // namespace

NNAPI_OPERATION(SLICE, .infer = slice::infer, .run = run<slice::range>);
NNAPI_OPERATION(STRIDED_SLICE, .infer = strided_slice::infer, .run = run<strided_slice::range>);
NNAPI_OPERATION(REVERSE, .infer = reverse::infer, .run = run<reverse::range>);

}  // namespace nnapi::host
