#include "host/kernels/pooling/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/arithmetic/vector_loop.h"
#include "host/base/float16.h"
#include "host/threads/grain_size.h"
#include "host/threads/time_limit.h"

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
    return from_float<T>(p.float_range.clamp(total));
  }
};

template <class T>
struct RealAverage {
  using Total = float;
  static constexpr Total kStart = 0.0f;
  static Total element(T x) { return to_float(x); }
  static Total join(Total a, Total b) { return a + b; }
  static T finish(const Pooling& p, Total total, int64_t count) {
    return from_float<T>(p.float_range.clamp(total / static_cast<float>(count)));
  }
};

template <class T>
struct RealL2 : RealAverage<T> {
  static float element(T x) { return to_float(x) * to_float(x); }
  static T finish(const Pooling& p, float total, int64_t count) {
    return from_float<T>(p.float_range.clamp(std::sqrt(total / static_cast<float>(count))));
  }
};

template <class T>
struct StepMax {
  using Total = T;
  static constexpr Total kStart = std::numeric_limits<T>::lowest();
  static Total element(T x) { return x; }
  static Total join(Total a, Total b) { return a < b ? b : a; }
  static T finish(const Pooling& p, Total total, int64_t) {
    return static_cast<T>(p.byte_range.clamp(total));
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
    return static_cast<T>(p.byte_range.clamp(static_cast<int32_t>(mean)));
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
// Of a window: from here on, asking what time it is costs little beside it.
constexpr int64_t kLongRow = 64;

// Window positions of one row of the output, for some channels. Totals are made row by row and
// joined then, which keeps rounding errors of large windows small.
template <class T, class Kind>
class PooledRow {
 public:
  PooledRow(const Pooling& p, const T* input, T* output, int64_t b, int64_t oy, int64_t first)
      : p_(p),
        in_(ImageStrides::of(p.in, p.nchw)),
        out_(ImageStrides::of(p.out, p.nchw)),
        rows_(Span::of(p.y, oy, p.in.height)),
        x_(input + b * in_.batch + first * in_.channel),
        y_(output + b * out_.batch + oy * out_.row + first * out_.channel) {}

  // n channels; a number that is known at compilation leaves totals in registers.
  template <class Count, class Stride>
  void compute(Count n, Stride in_channel, Stride out_channel) const {
    for (int64_t ox = 0; ox < p_.out.width; ++ox) {
      const Span columns = Span::of(p_.x, ox, p_.in.width);
      Total total[kChannels];
      for (int64_t c = 0; c < n; ++c) total[c] = Kind::kStart;
      TimeLimit* const limit = columns.length() >= kLongRow ? TimeLimit::current() : nullptr;
      for (int64_t iy = rows_.begin; iy < rows_.end; ++iy) {
        if (limit != nullptr && limit->is_over()) return;
        Total row[kChannels];
        for (int64_t c = 0; c < n; ++c) row[c] = Kind::kStart;
        for (int64_t ix = columns.begin; ix < columns.end; ++ix) {
          const T* at = x_ + iy * in_.row + ix * in_.column;
          for (int64_t c = 0; c < n; ++c)
            row[c] = Kind::join(row[c], Kind::element(at[c * in_channel]));
        }
        for (int64_t c = 0; c < n; ++c) total[c] = Kind::join(total[c], row[c]);
      }
      const int64_t count = rows_.length() * columns.length();
      T* pixel = y_ + ox * out_.column;
      for (int64_t c = 0; c < n; ++c) pixel[c * out_channel] = Kind::finish(p_, total[c], count);
    }
  }

 private:
  using Total = typename Kind::Total;
  const Pooling& p_;
  const ImageStrides in_, out_;
  const Span rows_;
  const T* const x_;
  T* const y_;
};

template <class T, class Kind>
void pool_row(const Pooling& p, const T* input, T* output, int64_t b, int64_t oy, int64_t first) {
  const int64_t n = std::min(kChannels, p.in.channels - first);
  const PooledRow<T, Kind> row(p, input, output, b, oy, first);
  constexpr std::integral_constant<int64_t, 1> side_by_side;
  if (p.nchw)
    row.compute(n, p.in.pixels(), p.out.pixels());
  else if (n == kChannels)
    row.compute(std::integral_constant<int64_t, kChannels>(), side_by_side, side_by_side);
  else
    row.compute(n, side_by_side, side_by_side);
}

template <class T, class Kind>
void pool_as(const Pooling& p, const void* input, void* output, ThreadPool& threads) {
  const int64_t blocks = (p.in.channels + kChannels - 1) / kChannels;
  const int64_t count = p.out.batch * p.out.height * blocks;
  const auto filter = static_cast<double>(std::min(p.y.filter, p.in.height)) *
                      static_cast<double>(std::min(p.x.filter, p.in.width));
  const double work =
      static_cast<double>(p.out.width * std::min(p.out.channels, kChannels)) * filter;
  parallel_loop(threads, count, grain_size(count, 8192 / work), [&](int64_t begin, int64_t end) {
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
