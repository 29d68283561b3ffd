// Softmax and its logarithm along one axis, from numbers shifted so that the largest is 0.
#pragma once

#include <algorithm>
#include <cmath>

#include "host/float16.h"
#include "host/kernels/reference/slices.h"

namespace nnapi::host {

// read(T) gives a number that can be compared, exponential(number, largest of the slice) what is
// summed, and store(y) the element for a result y in [0, 1].
template <class T, class Read, class Exponential, class Store>
void softmax(ThreadPool& pool, const AxisView& view, const T* in, T* out, Read read,
             Exponential exponential, Store store) {
  for_slices(pool, view, [&](size_t start, auto stride, auto n) {
    const T* x = in + start;
    T* y = out + start;
    decltype(read(*in)) largest[kSliceBlock];
    double sum[kSliceBlock];
    float inverse[kSliceBlock];
    for (size_t j = 0; j < n; ++j) {
      largest[j] = read(x[j]);
      sum[j] = 0.0;
    }
    for (size_t i = 1; i < view.size; ++i)
      for (size_t j = 0; j < n; ++j) largest[j] = std::max(largest[j], read(x[i * stride + j]));
    for (size_t i = 0; i < view.size; ++i)
      for (size_t j = 0; j < n; ++j) sum[j] += exponential(read(x[i * stride + j]), largest[j]);
    for (size_t j = 0; j < n; ++j) inverse[j] = static_cast<float>(1.0 / sum[j]);
    for (size_t i = 0; i < view.size; ++i)
      for (size_t j = 0; j < n; ++j) {
        const size_t at = i * stride + j;
        y[at] = store(exponential(read(x[at]), largest[j]) * inverse[j]);
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
    double sum[kSliceBlock];
    for (size_t j = 0; j < n; ++j) {
      largest[j] = to_float(x[j]) * beta;
      sum[j] = 0.0;
    }
    for (size_t i = 1; i < view.size; ++i)
      for (size_t j = 0; j < n; ++j)
        largest[j] = std::max(largest[j], to_float(x[i * stride + j]) * beta);
    for (size_t i = 0; i < view.size; ++i)
      for (size_t j = 0; j < n; ++j)
        sum[j] += std::exp(to_float(x[i * stride + j]) * beta - largest[j]);
    for (size_t j = 0; j < n; ++j) sum[j] = std::log(sum[j]);
    for (size_t i = 0; i < view.size; ++i)
      for (size_t j = 0; j < n; ++j) {
        const size_t at = i * stride + j;
        const float shifted = to_float(x[at]) * beta - largest[j];
        y[at] = from_float<T>(shifted - static_cast<float>(sum[j]));
      }
  });
}

}  // namespace nnapi::host
