// Softmax and its logarithm along one axis, from numbers shifted so that the largest is 0.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "host/arithmetic/exponential.h"
#include "host/base/float16.h"
#include "host/kernels/normalisation/slices.h"

namespace nnapi::host {

// The largest read(element) of each slice; NaN if one is.
template <class Value, class Stride, class Count, class Read>
void largest_of_slices(size_t size, Stride stride, Count n, Value* largest, Read read) {
  const auto larger = [](Value a, Value b) { return b > a || b != b ? b : a; };
  fold_slices(
      size, stride, n, largest, std::numeric_limits<Value>::lowest(),
      [=](Value best, size_t at, size_t) { return larger(best, read(at)); }, larger);
}

// read(T) gives a number that can be compared, exponential(number, largest of the slice) what is
// summed, and store(y) the element for a result y in [0, 1].
template <class T, class Read, class Exponential, class Store>
void softmax(ThreadPool& pool, const AxisView& view, const T* in, T* out, Read read,
             Exponential exponential, Store store) {
  using Value = decltype(read(*in));
  for_slices(pool, view, [&](size_t start, auto stride, auto n) {
    const T* x = in + start;
    T* y = out + start;
    Value largest[kSliceBlock];
    double sum[kSliceBlock];
    float inverse[kSliceBlock];
    const auto exponential_at = [&](size_t at, size_t j) {
      return exponential(read(x[at]), largest[j]);
    };
    largest_of_slices(view.size, stride, n, largest, [&](size_t at) { return read(x[at]); });
    if constexpr (std::is_same_v<T, float>) {
      // The output has room for the exponentials, so each is computed once.
      for (size_t i = 0; i < view.size; ++i)
        for (size_t j = 0; j < n; ++j) y[i * stride + j] = exponential_at(i * stride + j, j);
      sum_slices(view.size, stride, n, sum, [y](size_t at, size_t) { return y[at]; });
    } else {
      sum_slices(view.size, stride, n, sum, exponential_at);
    }
    for (size_t j = 0; j < n; ++j) inverse[j] = static_cast<float>(1.0 / sum[j]);
    for (size_t i = 0; i < view.size; ++i)
      for (size_t j = 0; j < n; ++j) {
        const size_t at = i * stride + j;
        if constexpr (std::is_same_v<T, float>) {
          y[at] *= inverse[j];
        } else {
          y[at] = store(exponential_at(at, j) * inverse[j]);
        }
      }
  });
}

// beta * x - log(sum(exp(beta * x))). beta may be negative here.
template <class T>
void log_softmax(ThreadPool& pool, const AxisView& view, const T* in, T* out, float beta) {
  for_slices(pool, view, [&](size_t start, auto stride, auto n) {
    const T* x = in + start;
    T* y = out + start;
    float largest[kSliceBlock];
    double log_sum[kSliceBlock];
    const auto scaled = [=](size_t at) { return to_float(x[at]) * beta; };
    largest_of_slices(view.size, stride, n, largest, scaled);
    sum_slices(view.size, stride, n, log_sum,
               [&](size_t at, size_t j) { return exponential(scaled(at) - largest[j]); });
    for (size_t j = 0; j < n; ++j) log_sum[j] = std::log(log_sum[j]);
    for (size_t i = 0; i < view.size; ++i)
      for (size_t j = 0; j < n; ++j) {
        const size_t at = i * stride + j;
        y[at] = from_float<T>(static_cast<float>(scaled(at) - largest[j] - log_sum[j]));
      }
  });
}

}  // namespace nnapi::host
