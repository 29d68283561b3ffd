// The innermost loops of convolutions and matrix products, built once for each instruction set from
// the same source (tile_loops.h). Everything that they read is packed for them:
//
// A tile is up to `rows` output pixels times one panel of output channels, `lanes` times up to
// `vectors` of them. A panel holds what the channels need, in the order of use.
//   reals:  width biases, then for each tap and input channel width weights
//   steps:  width biases (int32), width factors (float), then for each tap and each `group` of
//   input
//           channels width times `group` weights (int8); the last group is filled up with zeros
// A strip is up to kStripPixels output pixels of a depthwise convolution, all channels. Its weights
// come in blocks of `lanes` channels.
//   reals:  lanes biases, then for each tap lanes weights
//   steps:  lanes biases (int32), lanes factors (float), then for each tap lanes weights (int32)
//
// Steps are 8-bit values. Inputs are taken as unsigned (`flip` turns signed ones over); what zero
// points ask for is part of the biases.
#pragma once

#include <cstdint>

#include "host/activation.h"

namespace nnapi::host {

constexpr int kTileRows = 8;  // the most that any instruction set has
constexpr int kStripPixels = 4;

struct RealTile {
  const float* const* inputs;  // [taps][kTileRows]: all input channels of a row's pixel under a tap
  int64_t taps, depth;
  int64_t first_channel;  // where the depth begins in the inputs
  const float* panel;
  int rows, vectors;
  int columns;            // of the panel's width that exist
  float* const* outputs;  // [rows]
  int64_t first_column;   // where the panel begins in the outputs
  ClampRange<float> range;
};

struct StepTile {
  const uint8_t* const* inputs;
  int64_t taps, depth;
  int64_t first_channel;
  const void* panel;
  int rows, vectors;
  int columns;
  uint8_t* const* outputs;
  int64_t first_column;
  const int32_t* row_terms;  // [rows], added to a row's sums; or null
  uint8_t flip;              // 0x80 or 0, exclusive-ored into inputs
  int32_t zero_point;
  ClampRange<int32_t> range;
};

struct RealStrip {
  const float* const* inputs;  // [taps][kStripPixels]
  int64_t taps, channels;
  const float* blocks;
  int pixels;
  float* output;  // pixel after pixel
  ClampRange<float> range;
};

struct StepStrip {
  const uint8_t* const* inputs;
  int64_t taps, channels;
  const void* blocks;
  int pixels;
  uint8_t* output;
  uint8_t flip;
  int32_t zero_point;
  ClampRange<int32_t> range;
};

struct TileLoops {
  const char* name;
  int rows, lanes, vectors, group;
  void (*real_tile)(const RealTile&);
  void (*step_tile)(const StepTile&);
  void (*real_strip)(const RealStrip&);
  void (*step_strip)(const StepStrip&);
};

// The best that this processor runs; NNAPI_HOST_ISA=portable|avx2|avx512 asks for less. Read once.
const TileLoops& tile_loops();

extern const TileLoops kPortableLoops;
#if defined(__x86_64__)
extern const TileLoops kAvx2Loops;
extern const TileLoops kAvx512Loops;
#endif

}  // namespace nnapi::host
