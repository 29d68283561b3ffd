// A row of the output is made in three passes: the two input rows blended into one, its pixels
// mixed, and the result converted, unless it is of float32.
#include <algorithm>
#include <type_traits>

#include "host/arithmetic/quantization.h"
#include "host/arithmetic/vector_loop.h"
#include "host/base/float16.h"
#include "host/kernels/resize/resize_axis.h"
#include "host/kernels/simd/simd_loops.h"
#include "host/threads/grain_size.h"

namespace nnapi::host {
namespace {

constexpr int64_t kBuffer = 8192;       // elements of a row that are worked on at a time
constexpr int64_t kMaxChannels = 2048;  // likewise; two pixels fit in any case
constexpr int64_t kMaxPixels = 512;     // likewise
constexpr int64_t kVector = 16;         // what is read beyond them, at most

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

// Some output pixels of a row, some of their channels; the same for all rows.
class Stretch {
 public:
  Stretch(const Resizing& r, int64_t channel)
      : r_(r),
        x_(r, r.in.width, r.out.width),
        channel_(channel),
        n_(std::min(kMaxChannels, r.in.channels - channel)) {}

  // Moves on to as many of the next pixels as fit. False if there are no more.
  bool next() {
    ox_ += count_;
    if (ox_ == r_.out.width) return false;
    first_ = x_.between(ox_).first;
    runs_ = 0;
    const int64_t most = std::min(kMaxPixels, r_.out.width - ox_);
    for (count_ = 0; count_ < most; ++count_) {
      const ResizeAxis::Pair pair = x_.between(ox_ + count_);
      const bool fits = (count_ + 1) * n_ <= kBuffer && (pair.second + 1 - first_) * n_ <= kBuffer;
      if (!fits && count_ > 0) break;
      add({(pair.first - first_) * n_, (pair.second - first_) * n_, count_, count_ + 1});
      shares_[count_] = {1 - pair.share, pair.share};
      width_ = pair.second + 1 - first_;
    }
    return true;
  }

  // From the two rows of the input.
  template <class T>
  void compute(const T* top, const T* bottom, float share, T* to) const {
    alignas(64) float blended[kBuffer + kVector];
    const int64_t at = first_ * r_.in.channels + channel_;
    blend(top + at, bottom + at, share, blended);
    to += ox_ * r_.out.channels + channel_;
    if constexpr (std::is_same_v<T, float>) {
      mix(blended, to, r_.out.channels);
    } else {
      alignas(64) float mixed[kBuffer];
      mix(blended, mixed, n_);
      store(mixed, to);
    }
  }

 private:
  void add(const MixRun& pixel) {
    MixRun& last = run_[runs_ - (runs_ > 0)];
    if (runs_ > 0 && last.a == pixel.a && last.b == pixel.b)
      last.end = pixel.end;
    else
      run_[runs_++] = pixel;
  }

  template <class T>
  void blend(const T* top, const T* bottom, float share, float* blended) const {
    const bool dense = n_ == r_.in.channels;
    const int64_t pixels = dense ? 1 : width_, length = dense ? width_ * n_ : n_;
    for (int64_t i = 0; i < pixels; ++i, blended += length) {
      const T* const a = top + i * r_.in.channels;
      const T* const b = bottom + i * r_.in.channels;
      for (int64_t c = 0; c < length; ++c)
        blended[c] = value(a[c]) * (1 - share) + value(b[c]) * share;
    }
    std::fill_n(blended, kVector, 0.0f);
  }

  void mix(const float* blended, float* to, int64_t step) const {
    loops_.mix_pixels({blended, run_, shares_, runs_, n_, to, step});
  }

  template <class T>
  void store(const float* mixed, T* to) const {
    const bool dense = n_ == r_.out.channels;
    const int64_t pixels = dense ? 1 : count_, length = dense ? count_ * n_ : n_;
    for (int64_t i = 0; i < pixels; ++i, mixed += length, to += r_.out.channels)
      for (int64_t c = 0; c < length; ++c) to[c] = stored<T>(mixed[c]);
  }

  const TileLoops& loops_ = tile_loops();
  const Resizing& r_;
  const ResizeAxis x_;
  const int64_t channel_, n_;
  int64_t ox_ = 0, count_ = 0;     // output pixels
  int64_t first_ = 0, width_ = 0;  // input pixels
  int64_t runs_ = 0;
  MixRun run_[kMaxPixels];  // in the blended row
  MixShares shares_[kMaxPixels];
};

// Rows [begin, end) of all images. Channels last.
template <class T>
void bilinear_rows(const Resizing& r, const T* input, T* output, int64_t begin, int64_t end) {
  const ResizeAxis y(r, r.in.height, r.out.height);
  const int64_t in_row = r.in.width * r.in.channels, out_row = r.out.width * r.out.channels;
  for (int64_t channel = 0; channel < r.in.channels; channel += kMaxChannels) {
    Stretch stretch(r, channel);
    while (stretch.next())
      for (int64_t row = begin; row < end; ++row) {
        const T* image = input + row / r.out.height * r.in.height * in_row;
        const ResizeAxis::Pair pair = y.between(row % r.out.height);
        stretch.compute(image + pair.first * in_row, image + pair.second * in_row, pair.share,
                        output + row * out_row);
      }
  }
}

template <class T>
void resize_as(const Resizing& r, const void* input, void* output, ThreadPool& threads) {
  const int64_t rows = r.out.batch * r.out.height;
  // A piece begins with finding each pixel's neighbours.
  const int64_t grain =
      grain_size(rows, 131072.0 / static_cast<double>(r.out.width * r.out.channels));
  parallel_loop(threads, rows, grain, [&](int64_t begin, int64_t end) {
    bilinear_rows(r, static_cast<const T*>(input), static_cast<T*>(output), begin, end);
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
