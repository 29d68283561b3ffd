#include "host/kernels/depthwise/depthwise_byte_strips.h"

#include "host/kernels/convolution/quantized_sums.h"
#include "host/weights/packed_writer.h"

namespace nnapi::host {
namespace {

constexpr int64_t kBlock = 64, kTaps = 4;

// Position i of a block is of this channel: what interleaving four vectors of bytes leaves.
int64_t channel_at(int64_t i) { return i % 16 / 4 * 16 + i / 16 * 4 + i % 4; }

int64_t group_count(const Convolution& c, TapGroups groups) {
  return groups == TapGroups::kColumns ? c.x.filter : (c.y.filter * c.x.filter + kTaps - 1) / kTaps;
}

// The number of tap i of a group in the window, beyond the last one if there is none.
int64_t tap_at(const Convolution& c, TapGroups groups, int64_t group, int64_t i) {
  if (groups == TapGroups::kColumns) return i * c.x.filter + group;
  return group * kTaps + i;
}

template <class W>
void pack_as(const Convolution& c, const TileLoops& loops, TapGroups groups, const W* weights,
             const int32_t* bias, char* to) {
  Writer out(to);
  const ByteZeros zero = ByteZeros::of(c, loops);
  const int64_t taps = c.y.filter * c.x.filter;
  const auto weight = [&](int64_t channel, int64_t tap) -> int32_t {
    if (channel >= c.out.channels || tap >= taps) return 0;
    return weights[channel * c.weight.out + tap / c.x.filter * c.weight.row +
                   tap % c.x.filter * c.weight.column] -
           c.weight_zero;
  };
  for (int64_t first = 0; first < c.out.channels; first += kBlock) {
    for (int64_t i = 0; i < kBlock; ++i) {
      const int64_t channel = first + channel_at(i);
      int64_t start = bias && channel < c.out.channels ? bias[channel] : 0;
      for (int64_t tap = 0; tap < taps; ++tap) start -= int64_t{zero.input} * weight(channel, tap);
      out.put(static_cast<int32_t>(static_cast<uint32_t>(start)));
    }
    for (int64_t i = 0; i < kBlock; ++i) {
      const int64_t channel = first + channel_at(i);
      out.put(channel < c.out.channels ? static_cast<float>(c.scale[channel]) : 0.0f);
    }
    for (int64_t group = 0; group < group_count(c, groups); ++group)
      for (int64_t i = 0; i < kBlock; ++i)
        for (int64_t t = 0; t < kTaps; ++t)
          out.put(static_cast<int8_t>(weight(first + channel_at(i), tap_at(c, groups, group, t))));
  }
}

}  // namespace

bool takes_byte_strips(const Convolution& c, const TileLoops& loops) {
  return loops.byte_dot_strip && c.quantised() && ByteZeros::of(c, loops).weight == 0;
}

size_t byte_strip_bytes(const Convolution& c, TapGroups groups) {
  const int64_t taps = group_count(c, groups) * kTaps;
  return static_cast<size_t>((8 + taps) * round_up(c.out.channels, kBlock));
}

void pack_byte_strips(const Convolution& c, const TileLoops& loops, TapGroups groups,
                      const void* weights, const int32_t* bias, char* to) {
  if (c.weight_type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM)
    pack_as(c, loops, groups, static_cast<const uint8_t*>(weights), bias, to);
  else
    pack_as(c, loops, groups, static_cast<const int8_t*>(weights), bias, to);
}

}  // namespace nnapi::host
