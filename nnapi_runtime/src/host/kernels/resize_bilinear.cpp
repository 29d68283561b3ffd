// A row of the output is made in three passes that are all plain loops: the two input rows blended
// into one, its pixels mixed, and the result converted.
#include <algorithm>
#include <type_traits>

#include "host/float16.h"
#include "host/kernels/resize_axis.h"
#include "host/quantization.h"
#include "host/vector_loop.h"

namespace nnapi::host {
namespace {

constexpr int64_t kBuffer = 8192;       // elements of a row that are worked on at a time
constexpr int64_t kMaxChannels = 2048;  // likewise; two pixels fit in any case
constexpr int64_t kStep = 16;           // channels are mixed in whole steps, beyond the last one

template <class T>
float value(T element) {
  if constexpr (std::is_integral_v<T>)
    return element;
  else
    return to_float(element);
}

template <class T>
T stored(float value) {
  if constexpr (std::is_integral_v<T>)
    return Quantizer<T>(0)(value);
  else
    return from_float<T>(value);
}

// Channels [channel, channel + n) of output pixels [ox, end), whose inputs begin at pixel `first`.
template <class T>
struct Stretch {
  const Resizing& r;
  const ResizeAxis& x;
  int64_t channel, n, ox, end, first, last;

  void blend(const T* top, const T* bottom, float share, float* blended) const {
    for (int64_t ix = first; ix <= last; ++ix) {
      const int64_t at = ix * r.in.channels + channel;
      for (int64_t c = 0; c < n; ++c)
        blended[c] = value(top[at + c]) * (1 - share) + value(bottom[at + c]) * share;
      blended += n;
    }
    std::fill_n(blended, kStep, 0.0f);
  }

  // Each pixel's superfluous elements are overwritten by the next one.
  void mix(const float* blended, float* mixed) const {
    for (int64_t pixel = ox; pixel < end; ++pixel, mixed += n) {
      const ResizeAxis::Pair pair = x.between(pixel);
      const float* left = blended + (pair.first - first) * n;
      const float* right = blended + (pair.second - first) * n;
      for (int64_t c = 0; c < n; c += kStep)
        for (int64_t i = c; i < c + kStep; ++i)
          mixed[i] = left[i] * (1 - pair.share) + right[i] * pair.share;
    }
  }

  void store(const float* mixed, T* to) const {
    if (n == r.out.channels) {
      to += ox * n;
      for (int64_t i = 0; i < (end - ox) * n; ++i) to[i] = stored<T>(mixed[i]);
      return;
    }
    for (int64_t pixel = ox; pixel < end; ++pixel, mixed += n)
      for (int64_t c = 0; c < n; ++c)
        to[pixel * r.out.channels + channel + c] = stored<T>(mixed[c]);
  }
};

// Channels last.
template <class T>
void bilinear_row(const Resizing& r, const T* image, int64_t oy, T* to) {
  alignas(64) float blended[kBuffer + kStep], mixed[kBuffer + kStep];
  const ResizeAxis::Pair y = ResizeAxis(r, r.in.height, r.out.height).between(oy);
  const ResizeAxis x(r, r.in.width, r.out.width);
  const T* top = image + y.first * r.in.width * r.in.channels;
  const T* bottom = image + y.second * r.in.width * r.in.channels;
  for (int64_t channel = 0; channel < r.in.channels; channel += kMaxChannels) {
    const int64_t n = std::min(kMaxChannels, r.in.channels - channel);
    Stretch<T> stretch{r, x, channel, n, 0, 0, 0, 0};
    while (stretch.end < r.out.width) {
      stretch.ox = stretch.end;
      stretch.first = x.between(stretch.ox).first;
      do {
        stretch.last = x.between(stretch.end).second;
        ++stretch.end;
      } while (stretch.end < r.out.width && (stretch.end + 1 - stretch.ox) * n <= kBuffer &&
               (x.between(stretch.end).second + 1 - stretch.first) * n <= kBuffer);
      stretch.blend(top, bottom, y.share, blended);
      stretch.mix(blended, mixed);
      stretch.store(mixed, to);
    }
  }
}

template <class T>
void resize_as(const Resizing& r, const void* input, void* output, ThreadPool& threads) {
  const int64_t grain = 1 + 32768 / std::max<int64_t>(r.out.width * r.out.channels, 1);
  parallel_loop(threads, r.out.batch * r.out.height, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      bilinear_row(
          r, static_cast<const T*>(input) + row / r.out.height * r.in.pixels() * r.in.channels,
          row % r.out.height, static_cast<T*>(output) + row * r.out.width * r.out.channels);
  });
}

// Channels first: as many images of one channel.
Resizing channels_last(Resizing r) {
  if (r.nchw) {
    r.in.batch = r.out.batch = r.in.batch * r.in.channels;
    r.in.channels = r.out.channels = 1;
    r.nchw = false;
  }
  return r;
}

}  // namespace

void resize_bilinear(const Resizing& given, const void* input, void* output, ThreadPool& threads) {
  const Resizing r = channels_last(given);
  switch (r.type) {
    case ANEURALNETWORKS_TENSOR_FLOAT32:
      return resize_as<float>(r, input, output, threads);
    case ANEURALNETWORKS_TENSOR_FLOAT16:
      return resize_as<Float16>(r, input, output, threads);
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM:
      return resize_as<uint8_t>(r, input, output, threads);
    default:
      return resize_as<int8_t>(r, input, output, threads);
  }
}

}  // namespace nnapi::host
