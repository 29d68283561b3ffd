// The innermost loops of convolutions and matrix products, built once for each instruction set from
// the same source (float_convolution_loops.h, byte_convolution_loops.h). Everything that they read
// is packed for them:
//
// A panel is as many output channels as some vectors of `lanes` hold; it has what these channels
// need, in the order of use. Tiles of a few output pixels pass it one after another. Its last
// vector may be half of one, where the loops have `halves`.
//   reals:  width biases, then for each tap and input channel width weights
//   steps:  width biases (int32), width factors (float), then for each tap and each `group` of
//           input channels width times `group` weights (int8); the last group is filled up with
//           zeros
// A strip is up to kStripPixels output pixels of a depthwise convolution, all channels. Its weights
// come in blocks of `lanes` channels.
//   reals:  lanes biases, then for each tap lanes weights
//   steps:  lanes biases (int32), lanes factors (float), then for each tap lanes weights (int32)
//   bytes:  see x86/avx512_byte_strip.h, x86/avx512_byte_rows.h
//
// Steps are 8-bit values. Inputs are taken as unsigned, or where the loops have `signed_inputs` as
// signed (`flip` turns the others over), outputs are made as signed (`out_flip` turns them over);
// what zero points ask for is part of the biases.
#pragma once

#include <cstdint>

#include "host/arithmetic/activation.h"
#include "host/arithmetic/vector_loop.h"

namespace nnapi::host {

constexpr int kStripPixels = 4;

// What sums of steps become.
struct ByteOutput {
  int32_t zero_point;         // of signed outputs
  ClampRange<int32_t> range;  // likewise
  uint8_t flip;               // 0x80 if outputs are unsigned, or 0
};

// a * a_scale + b * b_scale + offset steps of the output, of steps as they are stored.
struct ByteSum {
  float a_scale, b_scale, offset;
  ByteOutput out;
};

// Where the pixels of a block are: each in a place of its own, or at even distances. The loops are
// made for both, so a block's inputs and outputs both have tables or both have none.
template <class Element>
struct Pixels {
  Element* const* table = nullptr;
  Element* first = nullptr;  // without a table
  int64_t step = 0;

  template <bool kEven>
  Element* at(int64_t pixel) const {
    if constexpr (kEven)
      return first + pixel * step;
    else
      return table[pixel];
  }
  // Those from pixel `begin` on.
  template <bool kEven>
  Pixels after(int64_t begin) const {
    return kEven ? Pixels{nullptr, at<true>(begin), step} : Pixels{table + begin, nullptr, 0};
  }
  Element* operator[](int64_t pixel) const { return table ? at<false>(pixel) : at<true>(pixel); }
};

// A block of output pixels times one panel.
struct FloatTiles {
  Pixels<const float> inputs;  // all input channels of a pixel; a table: [taps][input_step]
  int64_t input_step;
  int64_t taps, depth;    // one tap where the inputs have no table
  int64_t first_channel;  // where the depth begins in the inputs
  const float* panel;
  int pixels, vectors;
  bool half;    // the last vector is half of one
  int columns;  // of the panel's width that exist; the last vector has at least one
  Pixels<float> outputs;
  int64_t first_column;  // where the panel begins in the outputs
  ClampRange<float> range;
};

struct ByteTiles {
  Pixels<const uint8_t> inputs;
  int64_t input_step;
  int64_t taps, depth;
  int64_t first_channel;
  const void* panel;
  int pixels, vectors;
  bool half;
  int columns;
  Pixels<uint8_t> outputs;
  int64_t first_column;
  const int32_t* row_terms;  // [pixels], added to a pixel's sums; or null
  uint8_t flip;              // 0x80 or 0, exclusive-ored into inputs
  ByteOutput out;
};

struct FloatStrip {
  const float* const* inputs;  // [taps][kStripPixels]
  int64_t taps, channels;
  const float* blocks;
  int pixels;
  float* output;  // pixel after pixel
  ClampRange<float> range;
};

struct ByteStrip {
  const uint8_t* const* inputs;
  int64_t taps, channels;
  const void* blocks;
  int pixels;
  uint8_t* output;
  uint8_t flip;
  ByteOutput out;
};

// One output row of a 3x3 depthwise convolution of stride 1 or 2. Input pixel ix of row ky is at
// rows[ky] + ix * row_steps[ky]; rows of padding have a step of 0. Where the stride is 1, the next
// output row may be made as well, which sees one input row more.
struct FloatRow {
  const float* rows[4];
  int64_t row_steps[4];
  int64_t in_width, out_width, before, stride, channels;
  const float* blocks;
  float *output, *next_output;  // null: one row only
  ClampRange<float> range;
};

// Some output rows of a depthwise convolution whose window is 3, 5 or 7 wide, of stride 1, or of
// stride 2 without dilation.
struct FloatWindows {
  const float* const* inputs;  // [rows][height]; null: a row of padding
  float* const* outputs;       // [rows]
  int64_t rows, width, height;
  int64_t in_width, out_width, before, stride, dilation, channels;
  const float* blocks;
  ClampRange<float> range;
};

struct ByteRow {
  const uint8_t* rows[3];
  int64_t row_steps[3];
  int64_t in_width, out_width, before, stride, channels;
  const uint8_t* padding;  // a pixel
  const void* blocks;
  uint8_t* output;
  uint8_t flip;
  ByteOutput out;
};

// Tiles of 2x2 output pixels beside each other become inputs of the 16 products of Winograd's
// convolution (winograd.h). Input pixel ix of row i is at rows[i] + ix * row_steps[i]; rows of
// padding have a step of 0.
struct WinogradInputs {
  const float* rows[4];
  int64_t row_steps[4];
  int64_t in_width, channels;
  int64_t first;  // the leftmost input pixel that the first tile sees; may be padding
  int tiles;
  float* output;  // [16][tiles][channels], with these steps; channels are filled up to a vector
  int64_t product_step, tile_step;
};

// The products of such tiles with a panel become output pixels.
struct WinogradOutputs {
  const float* products;  // [16][tiles][vectors]
  int64_t product_step, tile_step;
  int tiles, vectors;
  int columns;     // of the panel's width that exist
  float* rows[2];  // of the output; the second is null where there is none
  int64_t width;   // pixels that are left in a row; the last tile may be half of one
  int64_t pixel_step;
  ClampRange<float> range;
  bool* finite;  // [tiles]: are all sums that the tile is made of?
};

// Pixels [begin, end) are mixtures of the two that begin at `a` and `b` of a row.
struct MixRun {
  int64_t a, b, begin, end;
};
struct MixShares {
  float of_a, of_b;
};
// At least one run; together they are pixels from 0 on.
struct PixelMixes {
  const float* row;  // read up to a vector beyond its end
  const MixRun* runs;
  const MixShares* shares;  // by pixel
  int64_t count, channels;  // runs
  float* output;
  int64_t output_step;  // from pixel to pixel
};

// Contiguous rows of softmax(beta * in).
struct SoftmaxRows {
  const float* in;
  float* out;
  int64_t rows, size;
  float beta;
};

// What a formula does to its running value. An operand has as many elements as the value, or is a
// number; kClamp's are two numbers, the bounds.
enum class FormulaCode : uint8_t {
  kLoad,
  kStore,
  kAdd,
  kSubtract,
  kSubtractFrom,  // operand - value
  kMultiply,
  kDivide,
  kDivideInto,  // operand / value
  kAddNumber,
  kSubtractNumber,
  kSubtractFromNumber,
  kMultiplyNumber,
  kDivideNumber,
  kDivideIntoNumber,
  kClamp,
  kExponential,
  kLogistic,
  kHyperbolicTangent,
};

struct FormulaStep {
  FormulaCode code;
  float* at;  // the operand
};

struct TileLoops {
  const char* name;
  int lanes, group;
  bool halves, signed_inputs;
  int float_vectors, byte_vectors;  // the widest panels
  void (*float_tiles)(const FloatTiles&);
  void (*byte_tiles)(const ByteTiles&);
  void (*float_strip)(const FloatStrip&);
  void (*byte_strip)(const ByteStrip&);
  void (*winograd_inputs)(const WinogradInputs&);
  void (*winograd_outputs)(const WinogradOutputs&);
  void (*float_windows)(const FloatWindows&);
  void (*mix_pixels)(const PixelMixes&);
  void (*softmax)(const SoftmaxRows&);
  double (*sum)(const float* x, int64_t n);  // carried in double
  // Of float32 numbers, as vector_loop.h has them.
  VectorFunction exponential, logistic, hyperbolic_tangent;
  // For n elements.
  void (*formula)(const FormulaStep* steps, int count, int64_t n);
  // Null where there are none:
  void (*byte_dot_strip)(const ByteStrip&) = nullptr;
  void (*byte_row)(const ByteRow&) = nullptr;
  void (*float_row)(const FloatRow&) = nullptr;
  // Sums of stored uint8_t, int8_t, by a ByteSum.
  VectorFunction add_unsigned_steps = nullptr, add_signed_steps = nullptr;
};

// Those of instruction_set().
const TileLoops& tile_loops();

extern const TileLoops kPortableLoops;
#if defined(__x86_64__)
extern const TileLoops kAvx2Loops;
extern const TileLoops kAvx512Loops;
#elif defined(__aarch64__)
extern const TileLoops kNeonLoops;
extern const TileLoops kDotProductLoops;
extern const TileLoops kI8mmLoops;
#endif

}  // namespace nnapi::host
