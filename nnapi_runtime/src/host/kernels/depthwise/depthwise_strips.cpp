#include "host/kernels/depthwise/depthwise_strips.h"

#include "host/base/float16.h"
#include "host/kernels/convolution/quantized_sums.h"
#include "host/weights/packed_writer.h"

namespace nnapi::host {
namespace {

// weight(channel, offset of the tap) in the type of packed weights.
template <class Packed, class Weight, class Header>
void pack_blocks(const Convolution& c, int64_t lanes, char* to, Weight weight, Header header) {
  Writer out(to);
  for (int64_t first = 0; first < c.out.channels; first += lanes) {
    header(out, first);
    for (int64_t ky = 0; ky < c.y.filter; ++ky)
      for (int64_t kx = 0; kx < c.x.filter; ++kx)
        for (int64_t n = first; n < first + lanes; ++n)
          out.put(n < c.out.channels ? weight(n, ky * c.weight.row + kx * c.weight.column)
                                     : Packed{0});
  }
}

template <class W>
void pack_real_blocks(const Convolution& c, int64_t lanes, const W* weights, const W* bias,
                      char* to) {
  pack_blocks<float>(
      c, lanes, to,
      [&](int64_t n, int64_t tap) { return to_float(weights[n * c.weight.out + tap]); },
      [&](Writer& out, int64_t first) {
        for (int64_t n = first; n < first + lanes; ++n)
          out.put(bias && n < c.out.channels ? to_float(bias[n]) : 0.0f);
      });
}

template <class W>
void pack_byte_blocks(const Convolution& c, const TileLoops& loops, const W* weights,
                      const int32_t* bias, char* to) {
  const int64_t lanes = loops.lanes;
  const int64_t input_zero = ByteZeros::of(c, loops).input;
  const auto weight = [&](int64_t n, int64_t tap) -> int32_t {
    return weights[n * c.weight.out + tap] - c.weight_zero;
  };
  pack_blocks<int32_t>(c, lanes, to, weight, [&](Writer& out, int64_t first) {
    for (int64_t n = first; n < first + lanes; ++n) {
      int64_t start = bias && n < c.out.channels ? bias[n] : 0;
      for (int64_t ky = 0; n < c.out.channels && ky < c.y.filter; ++ky)
        for (int64_t kx = 0; kx < c.x.filter; ++kx)
          start -= input_zero * weight(n, ky * c.weight.row + kx * c.weight.column);
      out.put(static_cast<int32_t>(static_cast<uint32_t>(start)));
    }
    for (int64_t n = first; n < first + lanes; ++n)
      out.put(n < c.out.channels ? static_cast<float>(c.scale[n]) : 0.0f);
  });
}

}  // namespace

size_t strip_bytes(const Convolution& c, const TileLoops& loops) {
  const int64_t values = (c.quantised() ? 2 : 1) + c.y.filter * c.x.filter;
  return static_cast<size_t>(4 * values * round_up(c.out.channels, loops.lanes));
}

void pack_strips(const Convolution& c, const TileLoops& loops, const void* weights,
                 const void* bias, char* to) {
  switch (c.weight_type) {
    case ANEURALNETWORKS_TENSOR_FLOAT32:
      return pack_real_blocks(c, loops.lanes, static_cast<const float*>(weights),
                              static_cast<const float*>(bias), to);
    case ANEURALNETWORKS_TENSOR_FLOAT16:
      return pack_real_blocks(c, loops.lanes, static_cast<const Float16*>(weights),
                              static_cast<const Float16*>(bias), to);
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM:
      return pack_byte_blocks(c, loops, static_cast<const uint8_t*>(weights),
                              static_cast<const int32_t*>(bias), to);
    default:
      return pack_byte_blocks(c, loops, static_cast<const int8_t*>(weights),
                              static_cast<const int32_t*>(bias), to);
  }
}

}  // namespace nnapi::host
