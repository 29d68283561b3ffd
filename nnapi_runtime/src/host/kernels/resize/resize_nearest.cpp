#include <algorithm>

#include "host/kernels/resize/resize_axis.h"
#include "host/threads/grain_size.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

template <class T>
void nearest_row(const Resizing& r, const T* input, T* output, int64_t b, int64_t oy) {
  const ImageStrides in = ImageStrides::of(r.in, r.nchw), out = ImageStrides::of(r.out, r.nchw);
  const ResizeAxis y(r, r.in.height, r.out.height), x(r, r.in.width, r.out.width);
  const T* row = input + b * in.batch + y.nearest(oy) * in.row;
  T* to = output + b * out.batch + oy * out.row;
  for (int64_t ox = 0; ox < r.out.width; ++ox) {
    const T* from = row + x.nearest(ox) * in.column;
    if (r.nchw)
      for (int64_t c = 0; c < r.in.channels; ++c) to[ox + c * out.channel] = from[c * in.channel];
    else
      std::copy_n(from, r.in.channels, to + ox * out.column);
  }
}

template <class T>
void resize_as(const Resizing& r, const void* input, void* output, ThreadPool& threads) {
  const int64_t rows = r.out.batch * r.out.height;
  const int64_t grain =
      grain_size(rows, 8192.0 / static_cast<double>(r.out.width * r.out.channels));
  parallel_for(threads, rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      nearest_row(r, static_cast<const T*>(input), static_cast<T*>(output), i / r.out.height,
                  i % r.out.height);
  });
}

}  // namespace

// Elements are only copied: what counts is their size.
void resize_nearest(const Resizing& r, const void* input, void* output, ThreadPool& threads) {
  switch (element_size(r.type)) {
    case 1:
      return resize_as<uint8_t>(r, input, output, threads);
    case 2:
      return resize_as<uint16_t>(r, input, output, threads);
    default:
      return resize_as<uint32_t>(r, input, output, threads);
  }
}

}  // namespace nnapi::host
