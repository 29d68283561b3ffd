// What the operations that are convolutions share: operand positions, checks and running.
#pragma once

#include <memory>

#include "host/kernels/convolution/convolution.h"
#include "host/operation/operation.h"

namespace nnapi::host {

// All of them begin with these three.
enum ConvolutionOperand : uint32_t { kInput, kWeights, kBias };

// Fills c from the node's operands, refusing what is wrong; every operation has its own.
using DescribeConvolution = Status (*)(const Node& node, Convolution& c);

// The parts that describe functions of images have in common, in their order.
Status check_ranks(const Node& node);
Status set_image(const Node& node, int32_t activation, bool nchw, Convolution& c);
// Of weights [out channels, height, width, in channels].
Status set_weights_by_output(const Node& node, Convolution& c);

// What all describe functions end with: what elements are, and checks of the bias (its length, and
// its scale where it is quantised), of the channel scales along dimension `out_dim` of the weights,
// and that the sizes are possible ones.
Status finish_convolution(const Node& node, int32_t activation, uint32_t out_dim, Convolution& c);

Status infer_convolution(const Node& node, DescribeConvolution describe);
std::unique_ptr<Prepared> prepare_convolution(const Node& node, DescribeConvolution describe);
Status run_convolution(const Node& node, const Prepared* prepared, DescribeConvolution describe);

// The three functions of an operation that is a convolution.
template <DescribeConvolution kDescribe>
struct ConvolutionNode {
  static Status infer(const Node& node) { return infer_convolution(node, kDescribe); }
  static std::unique_ptr<Prepared> prepare(const Node& node) {
    return prepare_convolution(node, kDescribe);
  }
  static Status run(const Node& node, const Prepared* prepared) {
    return run_convolution(node, prepared, kDescribe);
  }
};

}  // namespace nnapi::host
