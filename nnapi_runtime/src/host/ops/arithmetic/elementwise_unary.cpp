// ABS NEG EXP LOG SQRT RSQRT SIN FLOOR LOGICAL_NOT: elementwise operations on one tensor.
#include <cmath>

#include "host/arithmetic/byte_table.h"
#include "host/arithmetic/exponential.h"
#include "host/arithmetic/float_function.h"
#include "host/arithmetic/map_elements.h"
#include "host/base/float16.h"
#include "host/kernels/simd/simd_loops.h"
#include "host/operation/element_type.h"

namespace nnapi::host {
namespace {

Status infer_same_shape(const Node& node) {
  node.out(0).shape = node.in(0).shape;
  return kOk;
}

// Functor: float of(float).
template <class F>
Status run_real(const Node& node, const Prepared*) {
  return with_element_type<float, Float16>(node, node.in(0).type, [&]<class T>(ElementType<T>) {
    map_elements(
        node, node.out(0).count(), node.in(0).as<T>(), node.out(0).as<T>(),
        [](T x) { return from_float<T>(F::of(to_float(x))); }, F::kGrain);
  });
}

struct Exp {
  static float of(float x) { return exponential(x); }
  static VectorFunction stretch() { return tile_loops().exponential; }
};

Status run_exp(const Node& node, const Prepared*) { return map_real_function<Exp>(node); }

struct Log {
  static constexpr int64_t kGrain = kCostlyGrain;
  static float of(float x) { return std::log(x); }
};

struct Sin {
  static constexpr int64_t kGrain = kCostlyGrain;
  static float of(float x) { return std::sin(x); }
};

struct Sqrt {
  static constexpr int64_t kGrain = kElementGrain;
  static float of(float x) { return std::sqrt(x); }
};

struct Rsqrt {
  static constexpr int64_t kGrain = kElementGrain;
  static float of(float x) { return 1.0f / std::sqrt(x); }
};

struct Floor {
  static constexpr int64_t kGrain = kElementGrain;
  static float of(float x) { return std::floor(x); }
};

// The result of 1 / sqrt is not a number for a negative x; it is stored as the largest value, which
// is also that for 0.
std::unique_ptr<Prepared> prepare_rsqrt(const Node& node) {
  return prepare_table(node, [](double x) { return 1.0 / std::sqrt(x); });
}

Status run_rsqrt(const Node& node, const Prepared* prepared) {
  if (!is_quant8(node.in(0).type)) return run_real<Rsqrt>(node, prepared);
  map_table(node, prepared);
  return kOk;
}

// ---- ABS NEG: also on integers, where the least one stays itself, as in torch.

struct Abs {
  static constexpr int64_t kGrain = kElementGrain;
  static float of(float x) { return std::fabs(x); }
  static int32_t of(int32_t x) {
    return x < 0 ? static_cast<int32_t>(-static_cast<uint32_t>(x)) : x;
  }
};

struct Neg {
  static constexpr int64_t kGrain = kElementGrain;
  static float of(float x) { return -x; }
  static int32_t of(int32_t x) { return static_cast<int32_t>(-static_cast<uint32_t>(x)); }
};

template <class F>
Status run_signed(const Node& node, const Prepared* prepared) {
  if (node.in(0).type != ANEURALNETWORKS_TENSOR_INT32) return run_real<F>(node, prepared);
  map_elements(node, node.out(0).count(), node.in(0).as<int32_t>(), node.out(0).as<int32_t>(),
               [](int32_t x) { return F::of(x); });
  return kOk;
}

Status run_logical_not(const Node& node, const Prepared*) {
  map_elements(node, node.out(0).count(), node.in(0).as<Bool8>(), node.out(0).as<uint8_t>(),
               [](Bool8 x) { return static_cast<uint8_t>(!x); });
  return kOk;
}

}  // namespace

NNAPI_OPERATION(ABS, .infer = infer_same_shape, .run = run_signed<Abs>, .elementwise = true);
NNAPI_OPERATION(NEG, .infer = infer_same_shape, .run = run_signed<Neg>, .elementwise = true);
NNAPI_OPERATION(EXP, .infer = infer_same_shape, .run = run_exp, .elementwise = true);
NNAPI_OPERATION(LOG, .infer = infer_same_shape, .run = run_real<Log>, .elementwise = true);
NNAPI_OPERATION(SQRT, .infer = infer_same_shape, .run = run_real<Sqrt>, .elementwise = true);
NNAPI_OPERATION(RSQRT, .infer = infer_same_shape, .prepare = prepare_rsqrt, .run = run_rsqrt,
                .elementwise = true);
NNAPI_OPERATION(SIN, .infer = infer_same_shape, .run = run_real<Sin>, .elementwise = true);
NNAPI_OPERATION(FLOOR, .infer = infer_same_shape, .run = run_real<Floor>, .elementwise = true);
NNAPI_OPERATION(LOGICAL_NOT, .infer = infer_same_shape, .run = run_logical_not,
                .elementwise = true);

}  // namespace nnapi::host
