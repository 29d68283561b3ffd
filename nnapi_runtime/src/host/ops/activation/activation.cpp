// RELU RELU1 RELU6 LOGISTIC TANH HARD_SWISH ELU.
#include "host/arithmetic/activation.h"

#include <algorithm>
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

enum Input : uint32_t { kInput, kAlpha };

Status keep_shape(const Node& node) {
  node.out(0).shape = node.in(kInput).shape;
  return kOk;
}

// out[i] = f(in[i]) in float32, for float32 and float16.
template <class F>
Status map_real(const Node& node, F f, int64_t grain = kElementGrain) {
  return with_element_type<float, Float16>(
      node, node.in(kInput).type, [&]<class T>(ElementType<T>) {
        map_elements(
            node, node.out(0).count(), node.in(kInput).as<T>(), node.out(0).as<T>(),
            [f](T x) { return from_float<T>(f(to_float(x))); }, grain);
      });
}

// ---- RELU RELU1 RELU6: the clamp that other operations fuse, alone. A NaN stays one.

Status infer_relu(const Node& node) {
  if (Status status = check_quantization_kept(node)) return status;
  return keep_shape(node);
}

template <int32_t kActivation>
Status run_relu(const Node& node, const Prepared*) {
  const Tensor& in = node.in(kInput);
  Tensor& out = node.out(0);
  if (!is_quant8(in.type)) {
    const auto range = activation_range(kActivation);
    return map_real(node, [range](float x) { return range.clamp(x); });
  }
  const auto range = quantised_activation_range(kActivation, out);
  return with_element_type<uint8_t, int8_t>(node, in.type, [&]<class Q>(ElementType<Q>) {
    const Q low = static_cast<Q>(range.low), high = static_cast<Q>(range.high);
    map_elements(node, out.count(), in.as<Q>(), out.as<Q>(),
                 [low, high](Q x) { return std::min(std::max(x, low), high); });
  });
}

// ---- LOGISTIC TANH HARD_SWISH: quantised, each is a table made at preparation.

struct Logistic {
  static float of(float x) { return logistic(x); }
  static VectorFunction stretch() { return tile_loops().logistic; }
  static double of(double x) { return 1.0 / (1.0 + std::exp(-x)); }
};

struct Tanh {
  static float of(float x) { return hyperbolic_tangent(x); }
  static VectorFunction stretch() { return tile_loops().hyperbolic_tangent; }
  static double of(double x) { return std::tanh(x); }
};

struct HardSwish {
  static double of(double x) { return x * std::min(std::max(x + 3.0, 0.0), 6.0) / 6.0; }
  // A division would take longer than all the rest.
  static float of(float x) { return x * std::min(std::max(x + 3.0f, 0.0f), 6.0f) * (1.0f / 6.0f); }
};

Status infer_logistic(const Node& node) {
  if (Status status = check_output_scale(node, 1.0f / 256, 0)) return status;
  return keep_shape(node);
}

Status infer_tanh(const Node& node) {
  if (Status status = check_output_scale(node, 1.0f / 128, 128)) return status;
  return keep_shape(node);
}

template <class F>
std::unique_ptr<Prepared> prepare(const Node& node) {
  return prepare_table(node, [](double x) { return F::of(x); });
}

template <class F>
Status run(const Node& node, const Prepared* prepared) {
  if (!prepared) return map_real_function<F>(node);
  map_table(node, prepared);
  return kOk;
}

Status run_hard_swish(const Node& node, const Prepared* prepared) {
  if (!prepared) return map_real(node, [](float x) { return HardSwish::of(x); });
  map_table(node, prepared);
  return kOk;
}

// ---- ELU: max(0, x) + min(0, alpha * (exp(x) - 1)), literally so for an alpha below 0 too.

Status run_elu(const Node& node, const Prepared*) {
  const float alpha = node.real(kAlpha);
  return map_real(
      node,
      [alpha](float x) {
        if (std::isnan(x)) return x;
        return std::max(0.0f, x) + std::min(0.0f, alpha * std::expm1(x));
      },
      kCostlyGrain);
}

}  // namespace

NNAPI_OPERATION(RELU, .infer = infer_relu, .run = run_relu<ANEURALNETWORKS_FUSED_RELU>,
                .elementwise = true);
NNAPI_OPERATION(RELU1, .infer = infer_relu, .run = run_relu<ANEURALNETWORKS_FUSED_RELU1>,
                .elementwise = true);
NNAPI_OPERATION(RELU6, .infer = infer_relu, .run = run_relu<ANEURALNETWORKS_FUSED_RELU6>,
                .elementwise = true);
NNAPI_OPERATION(LOGISTIC, .infer = infer_logistic, .prepare = prepare<Logistic>,
                .run = run<Logistic>, .elementwise = true);
NNAPI_OPERATION(TANH, .infer = infer_tanh, .prepare = prepare<Tanh>, .run = run<Tanh>,
                .elementwise = true);
NNAPI_OPERATION(HARD_SWISH, .infer = keep_shape, .prepare = prepare<HardSwish>,
                .run = run_hard_swish, .elementwise = true);
NNAPI_OPERATION(ELU, .infer = keep_shape, .run = run_elu, .elementwise = true);

}  // namespace nnapi::host
