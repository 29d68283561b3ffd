// What Android's runtime asks of an operation's operands beyond their number and types, as soon as
// it is added. Ranks and dimensions count as far as they are declared. Whatever else is wrong comes
// out when the operation is prepared or run, unless the model is strict.
#include <algorithm>
#include <cstdlib>

#include "host/model/validation.h"

namespace nnapi::host {
namespace {

// Where channels lie in weights that have a scale for each.
uint32_t channel_dimension(int32_t code) {
  return code == ANEURALNETWORKS_DEPTHWISE_CONV_2D ? 3 : 0;
}

class Relations {
 public:
  Relations(const std::vector<Operand>& operands, const OperationNode& node, uint32_t number)
      : operands_(operands), node_(node), number_(number) {}

  Status check() const {
    switch (node_.entry->code) {
      case ANEURALNETWORKS_CONCATENATION:
        for (size_t i = 0; i + 1 < node_.inputs.size(); ++i)
          if (Status status = rank_at_most(i, 4)) return status;
        return kOk;
      case ANEURALNETWORKS_CHANNEL_SHUFFLE:
      case ANEURALNETWORKS_DEQUANTIZE:
      case ANEURALNETWORKS_FLOOR:
      case ANEURALNETWORKS_L2_NORMALIZATION:
      case ANEURALNETWORKS_LOCAL_RESPONSE_NORMALIZATION:
      case ANEURALNETWORKS_LOGISTIC:
      case ANEURALNETWORKS_MEAN:
      case ANEURALNETWORKS_PAD:
      case ANEURALNETWORKS_PAD_V2:
      case ANEURALNETWORKS_REDUCE_ALL:
      case ANEURALNETWORKS_REDUCE_ANY:
      case ANEURALNETWORKS_REDUCE_MAX:
      case ANEURALNETWORKS_REDUCE_MIN:
      case ANEURALNETWORKS_REDUCE_PROD:
      case ANEURALNETWORKS_REDUCE_SUM:
      case ANEURALNETWORKS_RELU:
      case ANEURALNETWORKS_RELU1:
      case ANEURALNETWORKS_RELU6:
      case ANEURALNETWORKS_SOFTMAX:
      case ANEURALNETWORKS_SQUEEZE:
      case ANEURALNETWORKS_STRIDED_SLICE:
      case ANEURALNETWORKS_TANH:
      case ANEURALNETWORKS_TRANSPOSE:
        return rank_at_most(0, 4);
      case ANEURALNETWORKS_ADD:
      case ANEURALNETWORKS_DIV:
      case ANEURALNETWORKS_SUB:
        return check_broadcast();
      case ANEURALNETWORKS_MUL:
        if (Status status = check_broadcast()) return status;
        return check_product_scale();
      case ANEURALNETWORKS_CONV_2D:
        for (size_t i : {0, 1})
          if (rank(i) != 0 && rank(i) != 4)
            return refuse(node_, number_, "input %zu has rank %zu, must be 4", i, rank(i));
        return check_channel_dimension();
      case ANEURALNETWORKS_DEPTHWISE_CONV_2D:
      case ANEURALNETWORKS_GROUPED_CONV_2D:
      case ANEURALNETWORKS_TRANSPOSE_CONV_2D:
        return check_channel_dimension();
      case ANEURALNETWORKS_FULLY_CONNECTED:
        return check_fully_connected();
      case ANEURALNETWORKS_CAST:
        return check_cast();
      case ANEURALNETWORKS_PACK:
        return check_pack();
      case ANEURALNETWORKS_REVERSE:
        return check_reverse();
      case ANEURALNETWORKS_MIRROR_PAD:
        return check_mirror_pad();
      case ANEURALNETWORKS_DENSIFY:
        return check_densify();
      case ANEURALNETWORKS_IF:
      case ANEURALNETWORKS_WHILE:
        return check_control_flow(operands_, node_, number_);
      default:
        return kOk;
    }
  }

 private:
  const Operand& in(size_t i) const { return operands_[node_.inputs[i]]; }
  const Operand& out() const { return operands_[node_.outputs[0]]; }
  // 0: not known.
  size_t rank(size_t i) const { return in(i).dimensions.size(); }

  Status rank_at_most(size_t i, size_t most) const {
    if (rank(i) <= most) return kOk;
    return refuse(node_, number_, "input %zu has rank %zu, at most %zu is allowed", i, rank(i),
                  most);
  }

  Status check_broadcast() const {
    if (rank(0) == 0 || rank(1) == 0) return kOk;
    if (Status status = rank_at_most(0, 4)) return status;
    return rank_at_most(1, 4);
  }

  Status check_product_scale() const {
    if (in(0).scale == 0.0f || out().scale > in(0).scale * in(1).scale) return kOk;
    return refuse(
        node_, number_,
        "the output's scale is %g, must be more than the product %g of the inputs' scales",
        out().scale, in(0).scale * in(1).scale);
  }

  Status check_channel_dimension() const {
    const Operand& weights = in(1);
    if (weights.type != ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL) return kOk;
    const uint32_t wanted = channel_dimension(node_.entry->code);
    if (!weights.channel_scales.empty() && weights.channel_dim == wanted) return kOk;
    return refuse(node_, number_, "the weights must have a scale for each index of dimension %u",
                  wanted);
  }

  Status check_fully_connected() const {
    if (rank(0) == 0 || rank(1) == 0 || rank(2) == 0) return kOk;
    if (rank(0) < 2 || rank(0) > 4 || rank(1) != 2 || rank(2) != 1)
      return refuse(node_, number_,
                    "input, weights and bias have ranks %zu, %zu and %zu, must be 2 to 4, 2 and 1",
                    rank(0), rank(1), rank(2));
    const uint32_t units = in(1).dimensions[0], size = in(1).dimensions[1];
    const uint32_t biases = in(2).dimensions[0];
    uint32_t elements = 1;
    for (uint32_t d : in(0).dimensions) elements *= d;
    if (size != 0 && elements % size != 0)
      return refuse(node_, number_, "the input has %u elements, not a multiple of %u", elements,
                    size);
    if (units != 0 && biases != 0 && units != biases)
      return refuse(node_, number_, "there are %u biases for %u units", biases, units);
    return kOk;
  }

  Status check_cast() const {
    const Dimensions &from = in(0).dimensions, &to = out().dimensions;
    const bool open = from.empty() || std::ranges::find(to, 0u) != to.end() || to.empty();
    if (open || from == to) return kOk;
    return refuse(node_, number_, "the input is %s, the output %s", to_string(from).c_str(),
                  to_string(to).c_str());
  }

  Status same_quantisation(size_t i) const {
    const bool is_quant8 = out().type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM ||
                           out().type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED;
    if (!is_quant8 || (in(i).scale == out().scale && in(i).zero_point == out().zero_point))
      return kOk;
    return refuse(
        node_, number_,
        "input %zu has scale %g and zero point %d, the output %g and %d; both must be the "
        "same",
        i, in(i).scale, in(i).zero_point, out().scale, out().zero_point);
  }

  Status same_rank(size_t i, size_t wanted) const {
    if (rank(i) == 0 || wanted == 0 || rank(i) == wanted) return kOk;
    return refuse(node_, number_, "input %zu has rank %zu, must be %zu", i, rank(i), wanted);
  }

  Status check_pack() const {
    size_t wanted = out().dimensions.empty() ? 0 : out().dimensions.size() - 1;
    for (size_t i = 1; i < node_.inputs.size(); ++i) {
      if (Status status = same_quantisation(i)) return status;
      if (Status status = same_rank(i, wanted)) return status;
      if (wanted == 0) wanted = rank(i);
    }
    return kOk;
  }

  Status check_reverse() const {
    const Dimensions& axis = in(1).dimensions;
    if (!axis.empty() && (axis.size() != 1 || axis[0] > 1))
      return refuse(node_, number_, "the axis is %s, must be [1]", to_string(axis).c_str());
    if (Status status = same_quantisation(0)) return status;
    return same_rank(0, out().dimensions.size());
  }

  Status check_mirror_pad() const {
    const Dimensions& paddings = in(1).dimensions;
    if (!paddings.empty() && (paddings.size() != 2 || (paddings[1] != 0 && paddings[1] != 2)))
      return refuse(node_, number_, "the paddings are %s, must be [rank, 2]",
                    to_string(paddings).c_str());
    if (Status status = same_quantisation(0)) return status;
    if (!paddings.empty())
      if (Status status = same_rank(0, paddings[0])) return status;
    return same_rank(0, out().dimensions.size());
  }

  Status check_densify() const {
    for (size_t i = 0; i < node_.inputs.size(); ++i)
      if (rank(i) != 1)
        return refuse(node_, number_, "input %zu has rank %zu, must be 1", i, rank(i));
    const size_t wanted = 5 + size_t{2} * in(1).dimensions[0];
    if (node_.inputs.size() == wanted) return kOk;
    return refuse(node_, number_, "has %zu inputs, %u dimensions take %zu", node_.inputs.size(),
                  in(1).dimensions[0], wanted);
  }

  const std::vector<Operand>& operands_;
  const OperationNode& node_;
  const uint32_t number_;
};

}  // namespace

Status check_relations(const std::vector<Operand>& operands, const OperationNode& node,
                       uint32_t number) {
  return Relations(operands, node, number).check();
}

}  // namespace nnapi::host
