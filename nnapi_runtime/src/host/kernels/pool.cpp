#include "host/kernels/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/float16.h"
#include "host/piece_size.h"
#include "host/vector_loop.h"

namespace nnapi::host {
namespace {

// A kind of pooling, over elements of type T: where a total starts, what joins an element or the
// total of a row to it, and what it gives.
template <class T>
struct RealMax {
  using Total = float;
  static constexpr Total kStart = -std::numeric_limits<float>::infinity();
  static Total element(T x) { return to_float(x); }
  static Total join(Total a, Total b) { return a < b ? b : a; }
  static T finish(const Pooling& p, Total total, int64_t) {
    return from_float<T>(p.real_range.clamp(total));
  }
};

template <class T>
struct RealAverage {
  using Total = float;
  static constexpr Total kStart = 0.0f;
  static Total element(T x) { return to_float(x); }
  static Total join(Total a, Total b) { return a + b; }
  static T finish(const Pooling& p, Total total, int64_t count) {
    return from_float<T>(p.real_range.clamp(total / static_cast<float>(count)));
  }
};

template <class T>
struct RealL2 : RealAverage<T> {
  static float element(T x) { return to_float(x) * to_float(x); }
  static T finish(const Pooling& p, float total, int64_t count) {
    return from_float<T>(p.real_range.clamp(std::sqrt(total / static_cast<float>(count))));
  }
};

template <class T>
struct StepMax {
  using Total = T;
  static constexpr Total kStart = std::numeric_limits<T>::lowest();
  static Total element(T x) { return x; }
  static Total join(Total a, Total b) { return a < b ? b : a; }
  static T finish(const Pooling& p, Total total, int64_t) {
    return static_cast<T>(p.step_range.clamp(total));
  }
};

template <class T>
struct StepAverage {
  using Total = int64_t;
  static constexpr Total kStart = 0;
  static Total element(T x) { return x; }
  static Total join(Total a, Total b) { return a + b; }
  // Rounded half away from zero.
  static T finish(const Pooling& p, Total total, int64_t count) {
    const int64_t mean = (total + (total < 0 ? -(count / 2) : count / 2)) / count;
    return static_cast<T>(p.step_range.clamp(static_cast<int32_t>(mean)));
  }
};

// The part of a window position that lies within the image.
struct Span {
  int64_t begin, end;

  static Span of(const WindowAxis& axis, int64_t out, int64_t size) {
    const int64_t first = out * axis.stride - axis.before;
    return {std::max<int64_t>(first, 0), std::min(first + axis.filter, size)};
  }
  int64_t length() const { return end - begin; }
};

constexpr int64_t kChannels = 64;  // handled at a time

// Some channels of a row. Totals are made row by row and joined then, which keeps rounding errors
// of large windows small.
template <class T, class Kind>
void pool_row(const Pooling& p, const T* input, T* output, int64_t b, int64_t oy, int64_t first) {
  using Total = typename Kind::Total;
  const ImageStrides in = ImageStrides::of(p.in, p.nchw), out = ImageStrides::of(p.out, p.nchw);
  const Span rows = Span::of(p.y, oy, p.in.height);
  const int64_t n = std::min(kChannels, p.in.channels - first);
  const T* x = input + b * in.batch + first * in.channel;
  const auto totals = [&](const Span& columns, Total* total, auto stride) {
    std::fill_n(total, n, Kind::kStart);
    for (int64_t iy = rows.begin; iy < rows.end; ++iy) {
      Total row[kChannels];
      std::fill_n(row, n, Kind::kStart);
      for (int64_t ix = columns.begin; ix < columns.end; ++ix) {
        const T* at = x + iy * in.row + ix * in.column;
        for (int64_t c = 0; c < n; ++c) row[c] = Kind::join(row[c], Kind::element(at[c * stride]));
      }
      for (int64_t c = 0; c < n; ++c) total[c] = Kind::join(total[c], row[c]);
    }
  };
  for (int64_t ox = 0; ox < p.out.width; ++ox) {
    const Span columns = Span::of(p.x, ox, p.in.width);
    const int64_t count = rows.length() * columns.length();
    T* pixel = output + b * out.batch + oy * out.row + ox * out.column + first * out.channel;
    Total total[kChannels];
    if (p.nchw)
      totals(columns, total, in.channel);
    else
      totals(columns, total, std::integral_constant<int64_t, 1>());
    for (int64_t c = 0; c < n; ++c) pixel[c * out.channel] = Kind::finish(p, total[c], count);
  }
}

template <class T, class Kind>
void pool_as(const Pooling& p, const void* input, void* output, ThreadPool& threads) {
  const int64_t blocks = (p.in.channels + kChannels - 1) / kChannels;
  const int64_t count = p.out.batch * p.out.height * blocks;
  const auto filter = static_cast<double>(std::min(p.y.filter, p.in.height)) *
                      static_cast<double>(std::min(p.x.filter, p.in.width));
  const double work =
      static_cast<double>(p.out.width * std::min(p.out.channels, kChannels)) * filter;
  parallel_loop(threads, count, piece_size(count, 8192 / work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / blocks;
      pool_row<T, Kind>(p, static_cast<const T*>(input), static_cast<T*>(output),
                        row / p.out.height, row % p.out.height, i % blocks * kChannels);
    }
  });
}

template <class T>
void pool_reals(const Pooling& p, const void* input, void* output, ThreadPool& threads) {
  switch (p.kind) {
    case PoolKind::kAverage:
      return pool_as<T, RealAverage<T>>(p, input, output, threads);
    case PoolKind::kMax:
      return pool_as<T, RealMax<T>>(p, input, output, threads);
    case PoolKind::kL2:
      return pool_as<T, RealL2<T>>(p, input, output, threads);
  }
}

template <class T>
void pool_steps(const Pooling& p, const void* input, void* output, ThreadPool& threads) {
  if (p.kind == PoolKind::kAverage) return pool_as<T, StepAverage<T>>(p, input, output, threads);
  return pool_as<T, StepMax<T>>(p, input, output, threads);
}

}  // namespace

void pool(const Pooling& p, const void* input, void* output, ThreadPool& threads) {
  switch (p.type) {
    case ANEURALNETWORKS_TENSOR_FLOAT32:
      return pool_reals<float>(p, input, output, threads);
    case ANEURALNETWORKS_TENSOR_FLOAT16:
      return pool_reals<Float16>(p, input, output, threads);
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM:
      return pool_steps<uint8_t>(p, input, output, threads);
    default:
      return pool_steps<int8_t>(p, input, output, threads);
  }
}

}  // namespace nnapi::host
