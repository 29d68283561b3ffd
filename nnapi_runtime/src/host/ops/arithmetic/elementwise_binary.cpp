// ADD SUB MUL DIV MAXIMUM MINIMUM POW PRELU: elementwise operations on two tensors that broadcast.
#include <cmath>
#include <type_traits>

#include "host/arithmetic/activation.h"
#include "host/arithmetic/broadcast.h"
#include "host/arithmetic/byte_table.h"
#include "host/arithmetic/map_elements.h"
#include "host/arithmetic/quantization.h"
#include "host/base/float16.h"
#include "host/kernels/simd/simd_loops.h"
#include "host/operation/element_type.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kA, kB, kActivation };

// ---- ADD SUB MUL DIV: with a fused activation

// Integers wrap around, as torch's do: computed without a sign, where overflow has a meaning.
uint32_t bits(int32_t value) { return static_cast<uint32_t>(value); }

struct Add {
  static int32_t integer(int32_t a, int32_t b) { return static_cast<int32_t>(bits(a) + bits(b)); }
  template <class Real>
  static Real real(Real a, Real b) {
    return a + b;
  }
};

struct Sub {
  static int32_t integer(int32_t a, int32_t b) { return static_cast<int32_t>(bits(a) - bits(b)); }
  template <class Real>
  static Real real(Real a, Real b) {
    return a - b;
  }
};

struct Mul {
  static int32_t integer(int32_t a, int32_t b) { return static_cast<int32_t>(bits(a) * bits(b)); }
  template <class Real>
  static Real real(Real a, Real b) {
    return a * b;
  }
};

struct Div {
  // Rounds down. Division by zero is undefined in NNAPI; it gives 0, as in AOSP.
  static int32_t integer(int32_t a, int32_t b) {
    if (b == 0) return 0;
    if (b == -1) return Sub::integer(0, a);
    const int32_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
  }
  template <class Real>
  static Real real(Real a, Real b) {
    return a / b;
  }
};

// Addition and multiplication of stored values as real numbers: op(a's steps * a_factor, b's steps
// * b_factor) is the result in steps of the output.
template <class Op, class Real, class Q>
void run_quantised(const Node& node, const Broadcast& shape, double a_factor, double b_factor) {
  const Tensor &a = node.in(kA), &b = node.in(kB);
  Tensor& out = node.out(0);
  const auto range = quantised_activation_range(node.scalar<int32_t>(kActivation), out);
  const Quantizer<Q> quantize(out.zero_point, range.low, range.high);
  const int32_t a_zero = a.zero_point, b_zero = b.zero_point;
  const Real a_scale = static_cast<Real>(a_factor), b_scale = static_cast<Real>(b_factor);
  map_broadcast(node, shape, a.as<Q>(), b.as<Q>(), out.as<Q>(), [=](Q x, Q y) {
    return quantize(
        Op::real(static_cast<Real>(x - a_zero) * a_scale, static_cast<Real>(y - b_zero) * b_scale));
  });
}

// The zero points' share of a sum is taken together: what is left is one multiply-add for each
// term. Only for factors that a float suffices for (run_quantised).
struct StepAdder : ByteSum {
  template <class Q>
  Q operator()(Q x, Q y) const {
    float steps = static_cast<float>(x) * a_scale + (static_cast<float>(y) * b_scale + offset);
    const auto low = static_cast<float>(out.range.low - out.zero_point);
    const auto high = static_cast<float>(out.range.high - out.zero_point);
    steps = steps < high ? steps : high;
    steps = steps > low ? steps : low;
    const int32_t stored = static_cast<int32_t>(std::nearbyint(steps)) + out.zero_point;
    return static_cast<Q>(static_cast<uint8_t>(stored) ^ out.flip);
  }
};

template <class Q>
void add_quantised(const Node& node, const Broadcast& shape, double a_factor, double b_factor) {
  const Tensor &a = node.in(kA), &b = node.in(kB);
  Tensor& out = node.out(0);
  const auto range = quantised_activation_range(node.scalar<int32_t>(kActivation), out);
  const int32_t shift = std::is_same_v<Q, uint8_t> ? 128 : 0;  // loops make signed results
  const StepAdder adder{{static_cast<float>(a_factor),
                         static_cast<float>(b_factor),
                         static_cast<float>(-(a_factor * a.zero_point + b_factor * b.zero_point)),
                         {out.zero_point - shift,
                          {range.low - shift, range.high - shift},
                          static_cast<uint8_t>(shift)}}};
  const StretchLoop loop = shift ? tile_loops().add_unsigned_steps : tile_loops().add_signed_steps;
  if (!loop || !shape.a_advances() || !shape.b_advances())
    return map_broadcast(node, shape, a.as<Q>(), b.as<Q>(), out.as<Q>(), adder);
  map_broadcast_stretches(node, loop, shape, a.as<Q>(), b.as<Q>(), out.as<Q>(), adder,
                          kElementGrain);
}

template <class Op, class Q>
void run_quantised(const Node& node, const Broadcast& shape) {
  const double out_scale = node.out(0).scale;
  const double a_factor = node.in(kA).scale / out_scale;
  const double b_factor =
      std::is_same_v<Op, Mul> ? node.in(kB).scale : node.in(kB).scale / out_scale;
  // Up to this size a float's rounding error stays far below a step, even where large terms cancel.
  constexpr double kFloatSuffices = 256;
  if (a_factor < kFloatSuffices && b_factor < kFloatSuffices) {
    if constexpr (std::is_same_v<Op, Mul>)
      run_quantised<Op, float, Q>(node, shape, a_factor, b_factor);
    else
      add_quantised<Q>(node, shape, a_factor, std::is_same_v<Op, Sub> ? -b_factor : b_factor);
  } else {
    run_quantised<Op, double, Q>(node, shape, a_factor, b_factor);
  }
}

template <class Op, class T>
void run_real(const Node& node, const Broadcast& shape) {
  const int32_t activation = node.scalar<int32_t>(kActivation);
  const T *a = node.in(kA).as<T>(), *b = node.in(kB).as<T>();
  T* out = node.out(0).as<T>();
  if (activation == ANEURALNETWORKS_FUSED_NONE) {
    map_broadcast(node, shape, a, b, out,
                  [](T x, T y) { return from_float<T>(Op::real(to_float(x), to_float(y))); });
  } else {
    const auto range = activation_range(activation);
    map_broadcast(node, shape, a, b, out, [range](T x, T y) {
      return from_float<T>(range.clamp(Op::real(to_float(x), to_float(y))));
    });
  }
}

Status infer_arithmetic(const Node& node) {
  if (!node.known(kActivation)) return node.later();
  const int32_t activation = node.scalar<int32_t>(kActivation);
  if (Status status = check_activation(node, activation)) return status;
  if (node.in(kA).type == ANEURALNETWORKS_TENSOR_INT32 && activation != ANEURALNETWORKS_FUSED_NONE)
    return node.bad("fused activation %d, integers take only 0 (none)", activation);
  return infer_broadcast(node, kA, kB);
}

Status infer_mul(const Node& node) {
  const float product = node.in(kA).scale * node.in(kB).scale;
  if (is_quant8(node.in(kA).type) && !(node.out(0).scale > product))
    return node.bad("output scale %g, must be greater than the product of the inputs' scales, %g",
                    node.out(0).scale, product);
  return infer_arithmetic(node);
}

template <class Op>
Status run_arithmetic(const Node& node, const Prepared*) {
  const Broadcast shape(node.in(kA).shape, node.in(kB).shape);
  const auto kernel = [&]<class T>(ElementType<T>) {
    if constexpr (std::is_same_v<T, int32_t>) {
      map_broadcast(node, shape, node.in(kA).as<T>(), node.in(kB).as<T>(), node.out(0).as<T>(),
                    [](T a, T b) { return Op::integer(a, b); });
    } else if constexpr (sizeof(T) == 1) {
      run_quantised<Op, T>(node, shape);
    } else {
      run_real<Op, T>(node, shape);
    }
  };
  if constexpr (std::is_same_v<Op, Div>) {
    return with_element_type<float, Float16, int32_t>(node, node.in(kA).type, kernel);
  } else {
    return with_element_type<float, Float16, int32_t, uint8_t, int8_t>(node, node.in(kA).type,
                                                                       kernel);
  }
}

// ---- MAXIMUM MINIMUM

// A NaN on either side is the result.
struct Maximum {
  template <class T>
  static T of(T a, T b) {
    return a > b || a != a ? a : b;
  }
};

struct Minimum {
  template <class T>
  static T of(T a, T b) {
    return a < b || a != a ? a : b;
  }
};

Status infer_extremum(const Node& node) { return infer_broadcast(node, kA, kB); }

std::unique_ptr<Prepared> prepare_extremum(const Node& node) {
  return prepare_requantized(node.in(kA), node.in(kB), node.out(0));
}

template <class Op>
Status run_extremum(const Node& node, const Prepared* prepared) {
  const Broadcast shape(node.in(kA).shape, node.in(kB).shape);
  return with_element_type<float, Float16, int32_t, uint8_t, int8_t>(
      node, node.in(kA).type, [&]<class T>(ElementType<T>) {
        const T *a = node.in(kA).as<T>(), *b = node.in(kB).as<T>();
        T* out = node.out(0).as<T>();
        if constexpr (sizeof(T) == 1) {
          if (prepared) {
            const auto* tables = static_cast<const RequantizedInputs*>(prepared);
            map_broadcast(node, shape, a, b, out, [tables](T x, T y) {
              return Op::of(static_cast<T>(tables->a[static_cast<uint8_t>(x)]),
                            static_cast<T>(tables->b[static_cast<uint8_t>(y)]));
            });
            return;
          }
        }
        if constexpr (std::is_same_v<T, Float16>) {
          map_broadcast(node, shape, a, b, out,
                        [](T x, T y) { return to_float16(Op::of(to_float(x), to_float(y))); });
        } else {
          map_broadcast(node, shape, a, b, out, [](T x, T y) { return Op::of(x, y); });
        }
      });
}

// ---- POW

Status infer_pow(const Node& node) { return infer_broadcast(node, kA, kB); }

Status run_pow(const Node& node, const Prepared*) {
  const Broadcast shape(node.in(kA).shape, node.in(kB).shape);
  return with_element_type<float, Float16>(node, node.in(kA).type, [&]<class T>(ElementType<T>) {
    map_broadcast(
        node, shape, node.in(kA).as<T>(), node.in(kB).as<T>(), node.out(0).as<T>(),
        [](T base, T exponent) {
          return from_float<T>(std::pow(to_float(base), to_float(exponent)));
        },
        kCostlyGrain);
  });
}

// ---- PRELU

Status infer_prelu(const Node& node) { return infer_broadcast(node, kA, kB); }

template <class Q>
void run_quantised_prelu(const Node& node, const Broadcast& shape) {
  const Tensor &x = node.in(kA), &alpha = node.in(kB);
  Tensor& out = node.out(0);
  const Quantizer<Q> quantize(out.zero_point);
  const int32_t x_zero = x.zero_point, alpha_zero = alpha.zero_point;
  const double factor = static_cast<double>(x.scale) / out.scale, slope = alpha.scale;
  map_broadcast(node, shape, x.as<Q>(), alpha.as<Q>(), out.as<Q>(), [=](Q stored, Q stored_alpha) {
    const double steps = factor * (stored - x_zero);
    return quantize(stored >= x_zero ? steps : steps * (slope * (stored_alpha - alpha_zero)));
  });
}

Status run_prelu(const Node& node, const Prepared*) {
  const Broadcast shape(node.in(kA).shape, node.in(kB).shape);
  return with_element_type<float, Float16, uint8_t, int8_t>(
      node, node.in(kA).type, [&]<class T>(ElementType<T>) {
        if constexpr (sizeof(T) == 1) {
          run_quantised_prelu<T>(node, shape);
        } else {
          map_broadcast(node, shape, node.in(kA).as<T>(), node.in(kB).as<T>(), node.out(0).as<T>(),
                        [](T x, T alpha) {
                          const float value = to_float(x);
                          return value >= 0.0f ? x : from_float<T>(value * to_float(alpha));
                        });
        }
      });
}

}  // namespace

NNAPI_OPERATION(ADD, .infer = infer_arithmetic, .run = run_arithmetic<Add>, .elementwise = true);
NNAPI_OPERATION(SUB, .infer = infer_arithmetic, .run = run_arithmetic<Sub>, .elementwise = true);
NNAPI_OPERATION(MUL, .infer = infer_mul, .run = run_arithmetic<Mul>, .elementwise = true);
NNAPI_OPERATION(DIV, .infer = infer_arithmetic, .run = run_arithmetic<Div>, .elementwise = true);
NNAPI_OPERATION(MAXIMUM, .infer = infer_extremum, .prepare = prepare_extremum,
                .run = run_extremum<Maximum>, .elementwise = true);
NNAPI_OPERATION(MINIMUM, .infer = infer_extremum, .prepare = prepare_extremum,
                .run = run_extremum<Minimum>, .elementwise = true);
NNAPI_OPERATION(POW, .infer = infer_pow, .run = run_pow, .elementwise = true);
NNAPI_OPERATION(PRELU, .infer = infer_prelu, .run = run_prelu, .elementwise = true);

}  // namespace nnapi::host
