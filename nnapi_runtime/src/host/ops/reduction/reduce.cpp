// MEAN REDUCE_SUM REDUCE_PROD REDUCE_MAX REDUCE_MIN REDUCE_ALL REDUCE_ANY: along any set of axes.
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

#include "host/arithmetic/quantization.h"
#include "host/base/float16.h"
#include "host/base/kernel_choice.h"
#include "host/kernels/reduction/reduce.h"
#include "host/kernels/simd/simd_loops.h"
#include "host/operation/axis.h"
#include "host/operation/element_type.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kInput, kAxes, kKeepDims };

using AxisSet = std::array<bool, kMaxRank>;

// Axes may be negative and may repeat; none at all reduces nothing.
Status read_axes(const Node& node, AxisSet* reduced) {
  const Tensor& axes = node.in(kAxes);
  const uint32_t rank = node.in(kInput).shape.rank();
  if (axes.shape.rank() != 1) return node.bad("axes have rank %u, must be 1", axes.shape.rank());
  reduced->fill(false);
  for (size_t i = 0; i < axes.count(); ++i) {
    uint32_t axis = 0;
    if (Status status = resolve_axis(node, axes.as<int32_t>()[i], rank, &axis)) return status;
    (*reduced)[axis] = true;
  }
  return kOk;
}

// MEAN takes keep_dims as an INT32 that must be positive to count, the others as a BOOL.
bool mean_keeps_dims(const Node& node) { return node.scalar<int32_t>(kKeepDims) > 0; }
bool keeps_dims(const Node& node) { return node.flag(kKeepDims); }

template <bool (*kKeeps)(const Node&)>
Status infer(const Node& node) {
  if (!node.known(kAxes) || !node.known(kKeepDims)) return node.later();
  if (Status status = check_quantization_kept(node)) return status;
  AxisSet reduced;
  if (Status status = read_axes(node, &reduced)) return status;
  const Shape& in = node.in(kInput).shape;
  Shape out;
  for (uint32_t i = 0; i < in.rank(); ++i) {
    if (!reduced[i]) out.push_back(in[i]);
    if (reduced[i] && kKeeps(node)) out.push_back(1);
  }
  if (out.rank() == 0) out.push_back(1);
  node.out(0).shape = out;
  return kOk;
}

// MEAN REDUCE_MAX REDUCE_MIN have no result for no elements.
template <bool (*kKeeps)(const Node&)>
Status infer_of_some(const Node& node) {
  if (Status status = infer<kKeeps>(node)) return status;
  if (node.in(kInput).count() == 0 && node.out(0).count() != 0)
    return node.bad("a reduced axis has size 0");
  return kOk;
}

// ---- What is computed: the start, one step, and the result of `count` steps. Sums and products
// are carried in double, so that the order of the elements does not show in a float.

template <class T>
struct Sum {
  using Carry = double;
  Carry start() const { return 0.0; }
  static Carry step(Carry sum, T x) { return sum + to_float(x); }
  static Carry join(Carry a, Carry b) { return a + b; }
  T result(Carry sum) const { return from_float<T>(static_cast<float>(sum)); }
};

template <class T>
struct Product {
  using Carry = double;
  Carry start() const { return 1.0; }
  static Carry step(Carry product, T x) { return product * to_float(x); }
  static Carry join(Carry a, Carry b) { return a * b; }
  T result(Carry product) const { return from_float<T>(static_cast<float>(product)); }
};

template <class T>
struct Mean {
  using Carry = double;
  double count;
  Carry start() const { return 0.0; }
  static Carry step(Carry sum, T x) { return sum + to_float(x); }
  static Carry join(Carry a, Carry b) { return a + b; }
  T result(Carry sum) const { return from_float<T>(static_cast<float>(sum / count)); }
};

// Input and output share one quantisation, so the mean of the stored values is what is stored.
template <class Q>
struct QuantisedMean {
  using Carry = int64_t;
  double count;
  int32_t zero_point;
  Carry start() const { return 0; }
  static Carry step(Carry sum, Q x) { return sum + x; }
  static Carry join(Carry a, Carry b) { return a + b; }
  Q result(Carry sum) const {
    return Quantizer<Q>(zero_point)(static_cast<double>(sum) / count - zero_point);
  }
};

// A NaN among the elements is the result.
template <class T, bool kLargest>
struct Extremum {
  using Carry = T;
  Carry start() const {
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_integral_v<T>) return kLargest ? Limits::min() : Limits::max();
    return kLargest ? -Limits::infinity() : Limits::infinity();
  }
  static Carry step(Carry best, T x) {
    return (kLargest ? x > best : x < best) || x != x ? x : best;
  }
  static Carry join(Carry a, Carry b) { return step(a, b); }
  T result(Carry best) const { return best; }
};

// float16 orders as float32 does.
template <bool kLargest>
struct Extremum<Float16, kLargest> : Extremum<float, kLargest> {
  static float step(float best, Float16 x) {
    return Extremum<float, kLargest>::step(best, to_float(x));
  }
  Float16 result(float best) const { return to_float16(best); }
};

struct All {
  using Carry = uint8_t;
  Carry start() const { return 1; }
  static Carry step(Carry all, Bool8 x) { return all & static_cast<uint8_t>(x); }
  static Carry join(Carry a, Carry b) { return a & b; }
  uint8_t result(Carry all) const { return all; }
};

struct Any {
  using Carry = uint8_t;
  Carry start() const { return 0; }
  static Carry step(Carry any, Bool8 x) { return any | static_cast<uint8_t>(x); }
  static Carry join(Carry a, Carry b) { return a | b; }
  uint8_t result(Carry any) const { return any; }
};

// ---- Running

Reduction reduction_of(const Node& node) {
  AxisSet reduced;
  read_axes(node, &reduced);
  return Reduction(node.in(kInput).shape, reduced);
}

// Sums of rows by the loops of the instruction set, all else by plain ones.
template <class T, class Op>
void reduce_real(const Node& node, const Reduction& shape, Op op) {
  const T* in = node.in(kInput).as<T>();
  T* out = node.out(0).as<T>();
  if constexpr (std::is_same_v<Op, Sum<float>> || std::is_same_v<Op, Mean<float>>) {
    if (use_fast_kernels() && shape.is_of_rows() && shape.reduced_count() != 0) {
      const auto rows = static_cast<int64_t>(shape.kept_count()),
                 size = static_cast<int64_t>(shape.reduced_count());
      parallel_for(node.pool(), rows, grain_size(rows, 16384.0 / static_cast<double>(size)),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t i = begin; i < end; ++i)
                       out[i] = op.result(tile_loops().sum(in + i * size, size));
                   });
      return;
    }
  }
  reduce(node.pool(), shape, in, out, op);
}

template <template <class> class Op>
Status run_real(const Node& node, const Prepared*) {
  const Reduction shape = reduction_of(node);
  return with_element_type<float, Float16>(
      node, node.in(kInput).type,
      [&]<class T>(ElementType<T>) { reduce_real<T>(node, shape, Op<T>{}); });
}

Status run_mean(const Node& node, const Prepared*) {
  const Reduction shape = reduction_of(node);
  const double count = static_cast<double>(shape.reduced_count());
  const int32_t zero_point = node.in(kInput).zero_point;
  return with_element_type<float, Float16, uint8_t, int8_t>(
      node, node.in(kInput).type, [&]<class T>(ElementType<T>) {
        if constexpr (sizeof(T) == 1) {
          reduce(node.pool(), shape, node.in(kInput).as<T>(), node.out(0).as<T>(),
                 QuantisedMean<T>{count, zero_point});
        } else {
          reduce_real<T>(node, shape, Mean<T>{count});
        }
      });
}

template <bool kLargest>
Status run_extremum(const Node& node, const Prepared*) {
  const Reduction shape = reduction_of(node);
  return with_element_type<float, Float16, uint8_t, int8_t>(
      node, node.in(kInput).type, [&]<class T>(ElementType<T>) {
        reduce(node.pool(), shape, node.in(kInput).as<T>(), node.out(0).as<T>(),
               Extremum<T, kLargest>{});
      });
}

template <class Op>
Status run_logical(const Node& node, const Prepared*) {
  reduce(node.pool(), reduction_of(node), node.in(kInput).as<Bool8>(), node.out(0).as<uint8_t>(),
         Op{});
  return kOk;
}

}  // namespace

NNAPI_OPERATION(MEAN, .infer = infer_of_some<mean_keeps_dims>, .run = run_mean);
NNAPI_OPERATION(REDUCE_SUM, .infer = infer<keeps_dims>, .run = run_real<Sum>);
NNAPI_OPERATION(REDUCE_PROD, .infer = infer<keeps_dims>, .run = run_real<Product>);
NNAPI_OPERATION(REDUCE_MAX, .infer = infer_of_some<keeps_dims>, .run = run_extremum<true>);
NNAPI_OPERATION(REDUCE_MIN, .infer = infer_of_some<keeps_dims>, .run = run_extremum<false>);
NNAPI_OPERATION(REDUCE_ALL, .infer = infer<keeps_dims>, .run = run_logical<All>);
NNAPI_OPERATION(REDUCE_ANY, .infer = infer<keeps_dims>, .run = run_logical<Any>);

}  // namespace nnapi::host
