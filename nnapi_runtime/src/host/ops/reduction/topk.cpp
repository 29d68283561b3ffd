// TOPK_V2, ARGMAX and ARGMIN: where the largest or smallest elements are.
#include <algorithm>

#include "host/arithmetic/quantization.h"
#include "host/operation/axis.h"
#include "host/operation/element_type.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

// Elements that are worth handing to another thread.
constexpr int64_t kPieceElements = 16384;

template <class T>
bool is_nan(T value) {
  return value != value;
}

// Calls f with the type of the tensor's elements, one of those that can be ordered.
template <class F>
Status with_ordered_type(const Node& node, const Tensor& tensor, F&& f) {
  return with_element_type<float, Float16, int32_t, uint8_t, int8_t>(node, tensor.type, f);
}

namespace topk {

enum Input : uint32_t { kInput, kCount };
enum Output : uint32_t { kValues, kIndices };

Status infer(const Node& node) {
  Shape shape = node.in(kInput).shape;
  if (Status s = check_quantization_kept(node, kInput, kValues)) return s;
  if (!node.known(kCount)) return node.later();
  const int32_t k = node.scalar<int32_t>(kCount);
  const uint32_t last = shape.rank() - 1;
  if (shape[last] > INT32_MAX)
    return node.bad("the last dimension is %u, at most %d is possible", shape[last], INT32_MAX);
  if (k < 1 || static_cast<uint32_t>(k) > shape[last])
    return node.bad("k is %d, must be in [1, %u], the last dimension", k, shape[last]);
  shape[last] = static_cast<uint32_t>(k);
  node.out(kValues).shape = shape;
  node.out(kIndices).shape = shape;
  return kOk;
}

// The k largest of a row. They are kept as a heap of indices with the least on top, in the place
// where the result belongs.
template <class T>
void find_largest(const T* row, int32_t size, int32_t k, T* values, int32_t* indices) {
  // NaN counts as the largest; of equal elements the one with the larger index comes first.
  const auto before = [row](int32_t a, int32_t b) {
    if (is_nan(row[a]) || is_nan(row[b])) return is_nan(row[a]) && (!is_nan(row[b]) || a > b);
    return row[a] != row[b] ? row[a] > row[b] : a > b;
  };
  for (int32_t i = 0; i < k; ++i) indices[i] = i;
  std::make_heap(indices, indices + k, before);
  for (int32_t i = k; i < size; ++i) {
    if (!before(i, indices[0])) continue;
    std::pop_heap(indices, indices + k, before);
    indices[k - 1] = i;
    std::push_heap(indices, indices + k, before);
  }
  std::sort_heap(indices, indices + k, before);
  for (int32_t i = 0; i < k; ++i) values[i] = row[indices[i]];
}

Status run(const Node& node, const Prepared*) {
  const Tensor& input = node.in(kInput);
  if (input.count() == 0) return kOk;
  const uint32_t last = input.shape.rank() - 1;
  const int64_t size = input.shape[last], rows = static_cast<int64_t>(input.shape.count(0, last));
  const int32_t k = node.scalar<int32_t>(kCount);
  return with_ordered_type(node, input, [&]<class T>(ElementType<T>) {
    const T* source = input.as<T>();
    T* values = node.out(kValues).as<T>();
    int32_t* indices = node.out(kIndices).as<int32_t>();
    parallel_for(node.pool(), rows, std::max<int64_t>(1, kPieceElements / size),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t row = begin; row < end; ++row)
                     find_largest(source + row * size, static_cast<int32_t>(size), k,
                                  values + row * k, indices + row * k);
                 });
  });
}

}  // namespace topk

namespace arg {

enum Input : uint32_t { kInput, kAxis };

Status infer(const Node& node) {
  const Shape& input = node.in(kInput).shape;
  uint32_t axis;
  if (Status s = read_axis(node, kAxis, input.rank(), &axis)) return s;
  if (input[axis] == 0 || input[axis] > INT32_MAX)
    return node.bad("dimension %u is %u, must be in [1, %d]", axis, input[axis], INT32_MAX);
  Shape shape;
  for (uint32_t i = 0; i < input.rank(); ++i)
    if (i != axis) shape.push_back(input[i]);
  if (shape.rank() == 0) shape.push_back(1);
  node.out(0).shape = shape;
  return kOk;
}

// better(a, b): is a to be chosen over b, which comes earlier?
template <class Better>
Status run(const Node& node, Better better) {
  const Tensor& input = node.in(kInput);
  if (input.count() == 0) return kOk;
  uint32_t axis;
  if (Status s = read_axis(node, kAxis, input.shape.rank(), &axis)) return s;
  const int64_t size = input.shape[axis];
  const auto inner = static_cast<int64_t>(input.shape.count(axis + 1, input.shape.rank()));
  const auto results = static_cast<int64_t>(node.out(0).count());
  const int64_t grain = std::max<int64_t>(1, kPieceElements / size);
  return with_ordered_type(node, input, [&]<class T>(ElementType<T>) {
    int32_t* chosen = node.out(0).as<int32_t>();
    parallel_for(node.pool(), results, grain, [&](int64_t begin, int64_t end) {
      std::fill(chosen + begin, chosen + end, 0);
      // Neighbouring results advance together, so that memory is read along rows.
      while (begin < end) {
        const int64_t outer = begin / inner, stop = std::min(end, (outer + 1) * inner);
        const T* source = input.as<T>() + outer * (size - 1) * inner;
        for (int64_t i = 1; i < size; ++i)
          for (int64_t r = begin; r < stop; ++r)
            if (better(source[i * inner + r], source[chosen[r] * inner + r]))
              chosen[r] = static_cast<int32_t>(i);
        begin = stop;
      }
    });
  });
}

// NaN is both the largest and the smallest, as everywhere that a NaN must not go unnoticed.
Status run_max(const Node& node, const Prepared*) {
  return run(node, [](auto a, auto b) { return a > b || (is_nan(a) && !is_nan(b)); });
}
Status run_min(const Node& node, const Prepared*) {
  return run(node, [](auto a, auto b) { return a < b || (is_nan(a) && !is_nan(b)); });
}

}  // namespace arg
}  // namespace

NNAPI_OPERATION(TOPK_V2, .infer = topk::infer, .run = topk::run);
NNAPI_OPERATION(ARGMAX, .infer = arg::infer, .run = arg::run_max);
NNAPI_OPERATION(ARGMIN, .infer = arg::infer, .run = arg::run_min);

}  // namespace nnapi::host
