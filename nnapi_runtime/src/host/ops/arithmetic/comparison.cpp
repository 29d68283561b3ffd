// EQUAL NOT_EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR: two tensors that
// broadcast in, TENSOR_BOOL8 out.
#include <array>
#include <functional>

#include "host/arithmetic/broadcast.h"
#include "host/arithmetic/map_elements.h"
#include "host/arithmetic/quantization.h"
#include "host/base/float16.h"
#include "host/operation/element_type.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kA, kB };

Status infer_comparison(const Node& node) { return infer_broadcast(node, kA, kB); }

template <class Compare, class T>
void compare_stored(const Node& node, const Broadcast& shape) {
  map_broadcast(node, shape, node.in(kA).as<T>(), node.in(kB).as<T>(), node.out(0).as<uint8_t>(),
                [](T a, T b) { return static_cast<uint8_t>(Compare{}(a, b)); });
}

// What each stored byte stands for, in float32 as AOSP computes it: two numbers that a float cannot
// tell apart count as equal.
template <class Q>
std::array<float, 256> real_values(const Tensor& tensor) {
  std::array<float, 256> values;
  for (int32_t byte = 0; byte < 256; ++byte)
    values[byte] = static_cast<float>(static_cast<Q>(byte) - tensor.zero_point) * tensor.scale;
  return values;
}

template <class Compare, class Q>
void compare_quantised(const Node& node, const Broadcast& shape) {
  const Tensor &a = node.in(kA), &b = node.in(kB);
  if (same_quantization(a, b)) return compare_stored<Compare, Q>(node, shape);
  const std::array<float, 256> a_real = real_values<Q>(a), b_real = real_values<Q>(b);
  map_broadcast(node, shape, a.as<uint8_t>(), b.as<uint8_t>(), node.out(0).as<uint8_t>(),
                [a = a_real.data(), b = b_real.data()](uint8_t x, uint8_t y) {
                  return static_cast<uint8_t>(Compare{}(a[x], b[y]));
                });
}

template <class Compare>
Status run_comparison(const Node& node, const Prepared*) {
  const Broadcast shape(node.in(kA).shape, node.in(kB).shape);
  return with_element_type<float, Float16, int32_t, uint8_t, int8_t, Bool8>(
      node, node.in(kA).type, [&]<class T>(ElementType<T>) {
        if constexpr (std::is_same_v<T, Float16>) {
          map_broadcast(
              node, shape, node.in(kA).as<T>(), node.in(kB).as<T>(), node.out(0).as<uint8_t>(),
              [](T a, T b) { return static_cast<uint8_t>(Compare{}(to_float(a), to_float(b))); });
        } else if constexpr (std::is_same_v<T, uint8_t> || std::is_same_v<T, int8_t>) {
          compare_quantised<Compare, T>(node, shape);
        } else {
          compare_stored<Compare, T>(node, shape);
        }
      });
}

template <class Combine>
Status run_logical(const Node& node, const Prepared*) {
  compare_stored<Combine, Bool8>(node, Broadcast(node.in(kA).shape, node.in(kB).shape));
  return kOk;
}

}  // namespace

NNAPI_OPERATION(EQUAL, .infer = infer_comparison, .run = run_comparison<std::equal_to<>>);
NNAPI_OPERATION(NOT_EQUAL, .infer = infer_comparison, .run = run_comparison<std::not_equal_to<>>);
NNAPI_OPERATION(GREATER, .infer = infer_comparison, .run = run_comparison<std::greater<>>);
NNAPI_OPERATION(GREATER_EQUAL, .infer = infer_comparison,
                .run = run_comparison<std::greater_equal<>>);
NNAPI_OPERATION(LESS, .infer = infer_comparison, .run = run_comparison<std::less<>>);
NNAPI_OPERATION(LESS_EQUAL, .infer = infer_comparison, .run = run_comparison<std::less_equal<>>);
NNAPI_OPERATION(LOGICAL_AND, .infer = infer_comparison, .run = run_logical<std::bit_and<bool>>);
NNAPI_OPERATION(LOGICAL_OR, .infer = infer_comparison, .run = run_logical<std::bit_or<bool>>);

}  // namespace nnapi::host
