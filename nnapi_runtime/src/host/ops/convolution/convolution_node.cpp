#include "host/ops/convolution/convolution_node.h"

#include "host/base/kernel_choice.h"
#include "host/kernels/selection/select_convolution_plan.h"

namespace nnapi::host {
namespace {

struct PreparedConvolution : Prepared {
  Convolution c;
  std::unique_ptr<ConvolutionPlan> plan;  // null: the reference kernel

  const RowProducer* row_producer() const override { return plan ? plan->row_producer() : nullptr; }
};

}  // namespace

Status check_ranks(const Node& node) {
  const uint32_t input = node.in(kInput).shape.rank(), weights = node.in(kWeights).shape.rank();
  if (input == 4 && weights == 4) return kOk;
  return node.bad("input of rank %u and weights of rank %u, both must be 4", input, weights);
}

Status set_image(const Node& node, int32_t activation, bool nchw, Convolution& c) {
  if (Status s = check_activation(node, activation)) return s;
  c.in = Image::of(node.in(kInput).shape, nchw);
  c.in_nchw = c.out_nchw = nchw;
  return kOk;
}

Status set_weights_by_output(const Node& node, Convolution& c) {
  const Shape& weights = node.in(kWeights).shape;
  if (c.in.height == 0 || c.in.width == 0 || c.in.channels == 0 || weights[0] == 0)
    return node.bad("only the batch may be of size zero");
  c.weight.in = 1;
  c.weight.column = weights[3];
  c.weight.row = c.weight.column * weights[2];
  c.weight.out = c.weight.row * weights[1];
  return kOk;
}

Status finish_convolution(const Node& node, int32_t activation, uint32_t out_dim, Convolution& c) {
  c.set_elements(node.in(kInput), node.in(kWeights), node.out(0), activation);
  const Tensor& bias = node.in(kBias);
  if (bias.shape.rank() != 1 || bias.shape[0] != c.out.channels)
    return node.bad("the bias must have one value for each of %lld output channels",
                    static_cast<long long>(c.out.channels));
  if (!c.in.fits() || !c.out.fits()) return node.bad("input or output is too large");
  if (!c.quantised()) return kOk;
  const Tensor& weights = node.in(kWeights);
  if (weights.type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL &&
      (weights.channel.dim != out_dim || weights.channel.count != c.out.channels))
    return node.bad("weights have %u scales along dimension %u, must have %lld along dimension %u",
                    weights.channel.count, weights.channel.dim,
                    static_cast<long long>(c.out.channels), out_dim);
  return check_bias_scale(node, node.in(kInput), weights, bias);
}

Status infer_convolution(const Node& node, DescribeConvolution describe) {
  Convolution c;
  if (Status s = describe(node, c)) return s;
  node.out(0).shape = c.out.shape(c.out_nchw);
  return kOk;
}

std::unique_ptr<Prepared> prepare_convolution(const Node& node, DescribeConvolution describe) {
  auto prepared = std::make_unique<PreparedConvolution>();
  Convolution& c = prepared->c;
  if (describe(node, c) != kOk || c.out.count() == 0) return nullptr;
  if (use_fast_kernels()) {
    const Tensor &weights = node.in(kWeights), &bias = node.in(kBias);
    const bool constant = weights.constant && bias.constant;
    prepared->plan =
        plan_convolution(c, constant ? weights.data : nullptr, constant ? bias.data : nullptr);
    if (prepared->plan) prepared->scratch_bytes = prepared->plan->scratch_bytes;
  }
  return prepared;
}

Status run_convolution(const Node& node, const Prepared* prepared, DescribeConvolution describe) {
  const ConvolutionData data{node.in(kInput).data, node.in(kWeights).data, node.in(kBias).data,
                             node.out(0).data};
  if (const auto* p = static_cast<const PreparedConvolution*>(prepared)) {
    if (p->plan)
      p->plan->run(data, node.scratch(), node.pool());
    else
      convolve_reference(p->c, data, node.pool());
    return kOk;
  }
  Convolution c;
  if (Status s = describe(node, c)) return s;
  if (c.out.count() != 0) convolve_reference(c, data, node.pool());
  return kOk;
}

}  // namespace nnapi::host
