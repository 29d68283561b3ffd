// CONCATENATION and PACK (many inputs into one output) and SPLIT (the way back).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "host/arithmetic/quantization.h"
#include "host/kernels/copy/strided_copy.h"
#include "host/operation/axis.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

// A tensor seen from one axis: `outer` rows of `inner` elements; the other tensors of the operation
// have as many rows, of other lengths.
struct Rows {
  size_t outer, inner;
  Rows(const Shape& shape, uint32_t axis)
      : outer(shape.count(0, axis)), inner(shape.count(axis, shape.rank())) {}
};

constexpr size_t kFewBytes = 65536;  // not worth a thought about the way of copying

void copy_rows(const Node& node, const Tensor& input, size_t input_row, size_t input_offset,
               Tensor& output, size_t output_row, size_t output_offset, size_t outer,
               size_t inner) {
  if (outer == 0 || inner == 0) return;
  const size_t bytes = element_size(input.type);
  if (outer == 1 && inner * bytes <= kFewBytes) {
    std::memcpy(output.as<char>() + output_offset * bytes, input.as<char>() + input_offset * bytes,
                inner * bytes);
    return;
  }
  StridedCopy copy(bytes);
  copy.loop(outer, static_cast<int64_t>(input_row), static_cast<int64_t>(output_row));
  copy.loop(inner, 1, 1);
  copy.run(node.pool(), input.as<char>() + input_offset * bytes,
           output.as<char>() + output_offset * bytes);
}

namespace concatenation {

// inputs: tensors 0 to n-1, then the axis.
uint32_t tensors(const Node& node) { return node.num_inputs() - 1; }

Status infer(const Node& node) {
  const uint32_t last = tensors(node);
  Shape shape = node.in(0).shape;
  uint32_t axis;
  if (Status s = read_forward_axis(node, last, shape.rank(), &axis)) return s;

  uint64_t sum = 0;
  for (uint32_t i = 0; i < last; ++i) {
    const Shape& input = node.in(i).shape;
    if (input.rank() != shape.rank())
      return node.bad("input %u has rank %u, input 0 has %u", i, input.rank(), shape.rank());
    for (uint32_t d = 0; d < shape.rank(); ++d)
      if (d != axis && input[d] != shape[d])
        return node.bad("dimension %u of input %u is %u, of input 0 it is %u", d, i, input[d],
                        shape[d]);
    sum += input[axis];
  }
  if (sum > UINT32_MAX) return node.bad("the output would be too long along axis %u", axis);
  shape[axis] = static_cast<uint32_t>(sum);
  node.out(0).shape = shape;
  return kOk;
}

// Values of an input as the output quantises them, for each of the 256 that there are.
template <class T>
void fill_requantize_table(const Tensor& input, const Tensor& output, T (&table)[256]) {
  constexpr double kLow = std::numeric_limits<T>::min(), kHigh = std::numeric_limits<T>::max();
  const double ratio = static_cast<double>(input.scale) / static_cast<double>(output.scale);
  for (int code = 0; code < 256; ++code) {
    const double value = static_cast<T>(code) - input.zero_point;
    table[code] =
        static_cast<T>(std::clamp(std::round(value * ratio) + output.zero_point, kLow, kHigh));
  }
}

template <class T>
void requantize_rows(const Node& node, const Tensor& input, Tensor& output, size_t output_row,
                     size_t output_offset, const Rows& rows) {
  if (rows.outer == 0 || rows.inner == 0) return;
  T table[256];
  fill_requantize_table(input, output, table);
  const uint8_t* source = input.as<uint8_t>();
  T* destination = output.as<T>() + output_offset;
  const auto count = static_cast<int64_t>(rows.outer * rows.inner);
  parallel_for(node.pool(), count, 16384, [&](int64_t begin, int64_t end) {
    size_t row = begin / rows.inner, column = begin % rows.inner;
    for (int64_t i = begin; i < end; ++i) {
      destination[row * output_row + column] = table[source[i]];
      if (++column == rows.inner) column = 0, ++row;
    }
  });
}

Status run(const Node& node, const Prepared*) {
  Tensor& output = node.out(0);
  const auto axis = static_cast<uint32_t>(node.scalar<int32_t>(tensors(node)));
  const size_t output_row = Rows(output.shape, axis).inner;
  size_t offset = 0;
  for (uint32_t i = 0; i < tensors(node); ++i) {
    const Tensor& input = node.in(i);
    const Rows rows(input.shape, axis);
    if (!is_quant8(input.type) || same_quantization(input, output))
      copy_rows(node, input, rows.inner, 0, output, output_row, offset, rows.outer, rows.inner);
    else if (input.type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM)
      requantize_rows<uint8_t>(node, input, output, output_row, offset, rows);
    else
      requantize_rows<int8_t>(node, input, output, output_row, offset, rows);
    offset += rows.inner;
  }
  return kOk;
}

}  // namespace concatenation

namespace pack {

// inputs: the axis, then the tensors.
constexpr uint32_t kAxis = 0, kFirst = 1;

Status infer(const Node& node) {
  const uint32_t tensors = node.num_inputs() - kFirst;
  const Shape& input = node.in(kFirst).shape;
  for (uint32_t i = 0; i < tensors; ++i) {
    if (!(node.in(kFirst + i).shape == input))
      return node.bad("tensor %u has another shape than tensor 0", i);
    if (Status s = check_quantization_kept(node, kFirst + i)) return s;
  }
  if (input.rank() == kMaxRank) return node.bad("the output would have rank %u", kMaxRank + 1);
  uint32_t axis;
  if (Status s = read_forward_axis(node, kAxis, input.rank() + 1, &axis)) return s;

  Shape shape;
  for (uint32_t i = 0; i <= input.rank(); ++i)
    shape.push_back(i == axis ? tensors : input[i < axis ? i : i - 1]);
  node.out(0).shape = shape;
  return kOk;
}

Status run(const Node& node, const Prepared*) {
  Tensor& output = node.out(0);
  const Rows rows(node.in(kFirst).shape, static_cast<uint32_t>(node.scalar<int32_t>(kAxis)));
  const uint32_t tensors = node.num_inputs() - kFirst;
  for (uint32_t i = 0; i < tensors; ++i)
    copy_rows(node, node.in(kFirst + i), rows.inner, 0, output, rows.inner * tensors,
              rows.inner * i, rows.outer, rows.inner);
  return kOk;
}

}  // namespace pack

namespace split {

enum Input : uint32_t { kInput, kAxis, kSplits };

Status infer(const Node& node) {
  Shape shape = node.in(kInput).shape;
  for (uint32_t i = 0; i < node.num_outputs(); ++i)
    if (Status s = check_quantization_kept(node, kInput, i)) return s;
  uint32_t axis;
  if (Status s = read_axis(node, kAxis, shape.rank(), &axis)) return s;
  if (!node.known(kSplits)) return node.later();
  const int32_t splits = node.scalar<int32_t>(kSplits);
  if (splits < 1 || static_cast<uint32_t>(splits) != node.num_outputs())
    return node.bad("num_splits is %d, there are %u outputs", splits, node.num_outputs());
  if (shape[axis] % splits != 0)
    return node.bad("%d does not divide dimension %u, which is %u", splits, axis, shape[axis]);
  shape[axis] /= splits;
  for (uint32_t i = 0; i < node.num_outputs(); ++i) node.out(i).shape = shape;
  return kOk;
}

Status run(const Node& node, const Prepared*) {
  const Tensor& input = node.in(kInput);
  uint32_t axis;
  if (Status s = read_axis(node, kAxis, input.shape.rank(), &axis)) return s;
  const Rows rows(input.shape, axis);
  const size_t part = rows.inner / node.num_outputs();
  for (uint32_t i = 0; i < node.num_outputs(); ++i) {
    const char* from = input.as<char>() + part * i * element_size(input.type);
    const bool is_there = rows.outer == 1 && node.out(i).data == from;
    if (!is_there)
      copy_rows(node, input, rows.inner, part * i, node.out(i), part, 0, rows.outer, part);
  }
  return kOk;
}

}  // namespace split
}  // namespace

NNAPI_OPERATION(CONCATENATION, .infer = concatenation::infer, .run = concatenation::run);
NNAPI_OPERATION(PACK, .infer = pack::infer, .run = pack::run);
NNAPI_OPERATION(SPLIT, .infer = split::infer, .run = split::run, .only_reshapes = true);

}  // namespace nnapi::host
