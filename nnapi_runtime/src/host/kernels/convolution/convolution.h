// One description for everything in NNAPI that multiplies a window of input channels by weights:
// the four convolutions, fully connected layers and matrix products.
#pragma once

#include <cstdint>
#include <memory>

#include "host/arithmetic/image.h"
#include "host/arithmetic/requantize.h"
#include "host/operation/operation.h"

namespace nnapi::host {

// Distances in elements between neighbouring weights.
struct WeightStrides {
  int64_t out, row, column, in;
};

struct Convolution {
  // ---- geometry
  Image in, out;
  bool in_nchw = false, out_nchw = false;
  int64_t groups = 1;  // output channels of group g see the input channels of group g only
  WindowAxis y, x;
  // Not transposed: output position p sees inputs p * stride - before + tap * dilation.
  // Transposed: input position p adds to outputs p * stride - before + tap.
  bool transposed = false;
  WeightStrides weight{};

  // ---- elements
  int32_t type = 0, weight_type = 0;
  ClampRange<float> float_range{};  // of a float result
  int32_t in_zero = 0, weight_zero = 0, out_zero = 0;
  AccumulatorScale scale;
  ClampRange<int32_t> byte_range{};  // of a quantised result

  int64_t group_in() const { return in.channels / groups; }
  int64_t group_out() const { return out.channels / groups; }
  bool quantised() const {
    return type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM ||
           type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED;
  }

  // Fills the second half from the operands; `activation` has passed check_activation.
  void set_elements(const Tensor& input, const Tensor& weights, const Tensor& output,
                    int32_t activation);
};

// Where the operands of one run are. A null bias counts as zero.
struct ConvolutionData {
  const void* input;
  const void* weights;
  const void* bias;
  void* output;
};

// Plain loops: obviously right, for every type and layout.
void convolve_reference(const Convolution& c, const ConvolutionData& data, ThreadPool& pool);

// Channels [first, end) of one output pixel of a float convolution; `row` counts through all
// images. Input and output are float32, channels last.
void convolve_staged_pixel(const Convolution& c, const ConvolutionData& data, int64_t row,
                           int64_t ox, int64_t first, int64_t end);

// The same by the fastest kernels that fit, with everything that does not depend on the input done
// beforehand. Made by plan_convolution (selection/).
class ConvolutionPlan : public Prepared {
 public:
  // `scratch` is scratch_bytes long.
  virtual void run(const ConvolutionData& data, void* scratch, ThreadPool& pool) const = 0;
};

}  // namespace nnapi::host
