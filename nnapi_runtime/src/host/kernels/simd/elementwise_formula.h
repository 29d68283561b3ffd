// Formulas: simple operations on a running value that stays in registers, for the instruction set
// that includes this; see vectors.h. Each result is rounded as if it were stored.
#pragma once

#include "host/kernels/simd/float_functions.h"

namespace nnapi::host {
namespace {

inline Reals second_of(Reals, Reals b) { return b; }
inline Reals plus(Reals a, Reals b) { return a + b; }
inline Reals minus(Reals a, Reals b) { return a - b; }
inline Reals minus_from(Reals a, Reals b) { return b - a; }
inline Reals times(Reals a, Reals b) { return a * b; }
inline Reals over(Reals a, Reals b) { return a / b; }
inline Reals over_into(Reals a, Reals b) { return b / a; }

// V vectors from `first` on; a single one may be a part, of n elements.
template <int V>
void formula_tile(const FormulaStep* begin, const FormulaStep* end, int64_t first, int64_t n) {
  Reals value[V] = {};
  for (const FormulaStep* step = begin; step != end; ++step) {
    const auto each = [&](auto f) __attribute__((always_inline)) {
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) value[v] = f(value[v]);
    };
    const auto with_elements = [&](auto f) __attribute__((always_inline)) {
      const float* x = step->at + first;
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v)
        value[v] = f(value[v], V > 1 ? load<Reals>(x + v * kLanes) : load_some<Reals>(x, n));
    };
    const auto with_number = [&](auto f) __attribute__((always_inline)) {
      const Reals x = all(*step->at);
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) value[v] = f(value[v], x);
    };
    switch (step->code) {
      case FormulaCode::kLoad:
        with_elements(second_of);
        break;
      case FormulaCode::kStore:
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v)
          store_some(step->at + first + v * kLanes, value[v], V > 1 ? kLanes : n);
        break;
      case FormulaCode::kAdd:
        with_elements(plus);
        break;
      case FormulaCode::kSubtract:
        with_elements(minus);
        break;
      case FormulaCode::kSubtractFrom:
        with_elements(minus_from);
        break;
      case FormulaCode::kMultiply:
        with_elements(times);
        break;
      case FormulaCode::kDivide:
        with_elements(over);
        break;
      case FormulaCode::kDivideInto:
        with_elements(over_into);
        break;
      case FormulaCode::kAddNumber:
        with_number(plus);
        break;
      case FormulaCode::kSubtractNumber:
        with_number(minus);
        break;
      case FormulaCode::kSubtractFromNumber:
        with_number(minus_from);
        break;
      case FormulaCode::kMultiplyNumber:
        with_number(times);
        break;
      case FormulaCode::kDivideNumber:
        with_number(over);
        break;
      case FormulaCode::kDivideIntoNumber:
        with_number(over_into);
        break;
      case FormulaCode::kClamp: {
        const Reals low = all(step->at[0]), high = all(step->at[1]);
        each([=](Reals x) { return clamp(x, low, high); });
        break;
      }
      case FormulaCode::kExponential:
        each(exponential);
        break;
      case FormulaCode::kLogistic:
        each(logistic);
        break;
      case FormulaCode::kHyperbolicTangent:
        each(hyperbolic_tangent);
        break;
    }
  }
}

// Tiles of V vectors as long as there are as many; returns where the rest begins.
template <int V>
int64_t formula_tiles(const FormulaStep* begin, const FormulaStep* end, int64_t first, int64_t n) {
  for (; first + V * kLanes <= n; first += V * kLanes)
    formula_tile<V>(begin, end, first, V * kLanes);
  return first;
}

void formula(const FormulaStep* steps, int count, int64_t n) {
  const FormulaStep* const end = steps + count;
  int64_t i = formula_tiles<8>(steps, end, 0, n);
  i = formula_tiles<4>(steps, end, i, n);
  i = formula_tiles<2>(steps, end, i, n);
  for (; i < n; i += kLanes) formula_tile<1>(steps, end, i, n - i);
}

}  // namespace
}  // namespace nnapi::host
