#include "host/kernels/convolution/convert_images.h"

#include <algorithm>

#include "host/arithmetic/vector_loop.h"
#include "host/base/float16.h"
#include "host/threads/grain_size.h"

namespace nnapi::host {
namespace {

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, From>)
    return value;
  else if constexpr (std::is_same_v<To, float>)
    return to_float(value);
  else
    return to_float16(value);
}

constexpr int64_t kPixels = 16;  // a block of pixels whose rows of channels stay in the cache

// Calls f(batch, first pixel, end) for blocks that make up the image.
template <class F>
void for_blocks(const Image& image, ThreadPool& pool, F&& f) {
  const int64_t blocks = (image.pixels() + kPixels - 1) / kPixels;
  const int64_t channels = std::max<int64_t>(image.channels, 1);
  const int64_t grain =
      grain_size(image.batch * blocks, 8192.0 / static_cast<double>(kPixels * channels));
  parallel_loop(pool, image.batch * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % blocks * kPixels;
      f(i / blocks, first, std::min(first + kPixels, image.pixels()));
    }
  });
}

template <class To, class From>
void load_as(const Staging& s, const From* from, To* to, ThreadPool& pool) {
  const int64_t channels = s.image.channels, pixels = s.image.pixels(), wide = channels * s.repeat;
  for_blocks(s.image, pool, [&](int64_t b, int64_t first, int64_t end) {
    const From* image = from + b * pixels * channels;
    To* staged = to + b * pixels * wide;
    if (s.nchw) {
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t p = first; p < end; ++p) {
          const To value = convert<To>(image[c * pixels + p]);
          for (int64_t i = 0; i < s.repeat; ++i) staged[p * wide + c * s.repeat + i] = value;
        }
    } else if (s.repeat == 1) {
      for (int64_t i = first * channels; i < end * channels; ++i) staged[i] = convert<To>(image[i]);
    } else {
      for (int64_t i = first * channels; i < end * channels; ++i)
        std::fill_n(staged + i * s.repeat, s.repeat, convert<To>(image[i]));
    }
  });
}

template <class To, class From>
void store_as(const Staging& s, const From* staged, To* to, ThreadPool& pool) {
  const int64_t channels = s.image.channels, pixels = s.image.pixels();
  for_blocks(s.image, pool, [&](int64_t b, int64_t first, int64_t end) {
    const From* image = staged + b * pixels * channels;
    To* out = to + b * pixels * channels;
    if (s.nchw) {
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t p = first; p < end; ++p)
          out[c * pixels + p] = convert<To>(image[p * channels + c]);
    } else {
      for (int64_t i = first * channels; i < end * channels; ++i) out[i] = convert<To>(image[i]);
    }
  });
}

}  // namespace

bool Staging::needless() const {
  const bool same_order = !nchw || image.channels == 1 || image.pixels() == 1;
  return same_order && repeat == 1 && type != ANEURALNETWORKS_TENSOR_FLOAT16;
}

size_t Staging::bytes() const {
  const bool real =
      type == ANEURALNETWORKS_TENSOR_FLOAT32 || type == ANEURALNETWORKS_TENSOR_FLOAT16;
  return static_cast<size_t>(image.count() * repeat) * (real ? sizeof(float) : 1);
}

void Staging::load(const void* from, void* staged, ThreadPool& pool) const {
  switch (type) {
    case ANEURALNETWORKS_TENSOR_FLOAT32:
      return load_as(*this, static_cast<const float*>(from), static_cast<float*>(staged), pool);
    case ANEURALNETWORKS_TENSOR_FLOAT16:
      return load_as(*this, static_cast<const Float16*>(from), static_cast<float*>(staged), pool);
    default:
      return load_as(*this, static_cast<const uint8_t*>(from), static_cast<uint8_t*>(staged), pool);
  }
}

void Staging::store(const void* staged, void* to, ThreadPool& pool) const {
  switch (type) {
    case ANEURALNETWORKS_TENSOR_FLOAT32:
      return store_as(*this, static_cast<const float*>(staged), static_cast<float*>(to), pool);
    case ANEURALNETWORKS_TENSOR_FLOAT16:
      return store_as(*this, static_cast<const float*>(staged), static_cast<Float16*>(to), pool);
    default:
      return store_as(*this, static_cast<const uint8_t*>(staged), static_cast<uint8_t*>(to), pool);
  }
}

}  // namespace nnapi::host
