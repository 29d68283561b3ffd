// Normalisations along one axis: by the length of a slice, by the energy around each element, by
// mean and variance. All statistics are taken in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "host/base/float16.h"
#include "host/kernels/normalisation/slices.h"

namespace nnapi::host {

// Each slice divided by its Euclidean length. read(T) is the number that an element stands for, up
// to a factor; store(y) the element for a result y in [-1, 1]. A slice shorter than `least` is
// divided by that, so zeros stay zeros.
template <class T, class Read, class Store>
void normalize_length(ThreadPool& pool, const AxisView& view, const T* in, T* out, double least,
                      Read read, Store store) {
  for_slices(pool, view, [&](size_t start, auto stride, auto n) {
    const T* x = in + start;
    T* y = out + start;
    double length[kSliceBlock];
    sum_slices(view.size, stride, n, length, [=](size_t at, size_t) {
      const double value = read(x[at]);
      return value * value;
    });
    for (size_t j = 0; j < n; ++j) length[j] = std::max(std::sqrt(length[j]), least);
    for (size_t i = 0; i < view.size; ++i)
      for (size_t j = 0; j < n; ++j) {
        const size_t at = i * stride + j;
        y[at] = store(static_cast<float>(read(x[at]) / length[j]));
      }
  });
}

struct LocalResponse {
  int32_t radius = 0;  // elements on either side that count as near; not negative
  float bias = 0, alpha = 0, beta = 0;
};

// x / (bias + alpha * sum of the squares near x) ^ beta.
template <class T>
void normalize_local_response(ThreadPool& pool, const AxisView& view, const T* in, T* out,
                              const LocalResponse& p) {
  const size_t radius = static_cast<size_t>(p.radius);
  for_slices(pool, view, [&](size_t start, auto stride, auto n) {
    const T* x = in + start;
    T* y = out + start;
    for (size_t i = 0; i < view.size; ++i) {
      const size_t first = i > radius ? i - radius : 0;
      const size_t last = std::min(view.size - 1, i + radius);
      double energy[kSliceBlock];
      std::fill_n(energy, size_t{n}, 0.0);
      for (size_t k = first; k <= last; ++k)
        for (size_t j = 0; j < n; ++j) {
          const double value = to_float(x[k * stride + j]);
          energy[j] += value * value;
        }
      for (size_t j = 0; j < n; ++j) {
        const size_t at = i * stride + j;
        const float base = static_cast<float>(p.bias + p.alpha * energy[j]);
        y[at] = from_float<T>(to_float(x[at]) * std::pow(base, -p.beta));
      }
    }
  });
}

struct AffineNorm {
  float gamma = 1, beta = 0, epsilon = 0;
};

// (x - mean) * gamma / sqrt(variance + epsilon) + beta, mean and variance those of the slice.
template <class T>
void normalize_variance(ThreadPool& pool, const AxisView& view, const T* in, T* out,
                        const AffineNorm& p) {
  for_slices(pool, view, [&](size_t start, auto stride, auto n) {
    const T* x = in + start;
    T* y = out + start;
    const double count = static_cast<double>(view.size);
    double mean[kSliceBlock], factor[kSliceBlock];
    sum_slices(view.size, stride, n, mean, [=](size_t at, size_t) { return to_float(x[at]); });
    for (size_t j = 0; j < n; ++j) mean[j] /= count;
    sum_slices(view.size, stride, n, factor, [&](size_t at, size_t j) {
      const double distance = to_float(x[at]) - mean[j];
      return distance * distance;
    });
    for (size_t j = 0; j < n; ++j) factor[j] = p.gamma / std::sqrt(factor[j] / count + p.epsilon);
    for (size_t i = 0; i < view.size; ++i)
      for (size_t j = 0; j < n; ++j) {
        const size_t at = i * stride + j;
        const double normalized = (to_float(x[at]) - mean[j]) * factor[j] + p.beta;
        y[at] = from_float<T>(static_cast<float>(normalized));
      }
  });
}

}  // namespace nnapi::host
