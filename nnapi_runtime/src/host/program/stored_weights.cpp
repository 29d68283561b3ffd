#include "host/program/stored_weights.h"

#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

// For more rows it is the arithmetic that takes the time, which is faster on packed floats.
constexpr size_t kMostRows = 8;

enum FullyConnected : size_t { kInput, kWeights, kBias, kActivation };

class Pairs {
 public:
  Pairs(const Model& model, const std::vector<Step>& steps)
      : model_(model),
        steps_(steps),
        readers_(model.operands().size(), 0),
        made_by_(model.operands().size(), SIZE_MAX) {
    for (size_t i = 0; i < steps.size(); ++i) {
      for (uint32_t input : steps[i].operation->inputs) ++readers_[input];
      for (uint32_t output : steps[i].operation->outputs) made_by_[output] = i;
    }
  }

  // The pair that ends with this step; without weights where there is none.
  StoredPair at(size_t i) const {
    StoredPair pair{SIZE_MAX, i, nullptr};
    if (!is(steps_[i], ANEURALNETWORKS_FULLY_CONNECTED)) return pair;
    const auto& inputs = steps_[i].operation->inputs;
    const uint32_t weights = inputs[kWeights], activation = inputs[kActivation];
    if (model_.operands()[weights].lifetime != Lifetime::kTemporary || readers_[weights] != 1 ||
        made_by_[weights] == SIZE_MAX ||
        model_.operands()[activation].lifetime != Lifetime::kConstant)
      return pair;
    pair.dequantize = made_by_[weights];
    if (!is(steps_[pair.dequantize], ANEURALNETWORKS_DEQUANTIZE)) return pair;
    const uint32_t stored = steps_[pair.dequantize].operation->inputs[0];
    const Tensor& matrix = tensor(stored);
    if (model_.operands()[stored].lifetime != Lifetime::kConstant ||
        matrix.type != ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL || matrix.channel.dim != 0 ||
        matrix.shape.rank() != 2)
      return pair;
    const uint32_t output = steps_[i].operation->outputs[0];
    for (uint32_t real : {inputs[kInput], inputs[kBias], output})
      if (tensor(real).type != ANEURALNETWORKS_TENSOR_FLOAT32) return pair;
    if (tensor(output).shape[0] > kMostRows) return pair;
    const StoredRows rows{matrix.as<int8_t>(), matrix.channel.scales, matrix.shape[0],
                          matrix.shape[1]};
    const int32_t code = *static_cast<const int32_t*>(model_.operands()[activation].value);
    pair.weights = std::make_unique<StoredWeights>(rows, activation_range(code));
    return pair;
  }

 private:
  static bool is(const Step& step, int32_t code) {
    return step.implementation->code == code && step.fixed && !step.apart;
  }
  const Tensor& tensor(uint32_t operand) const { return model_.shapes().tensors[operand]; }

  const Model& model_;
  const std::vector<Step>& steps_;
  std::vector<uint32_t> readers_;  // by operand
  std::vector<size_t> made_by_;    // by operand: the step
};

}  // namespace

void StoredWeights::run(const Node& node) const {
  Tensor& out = node.out(0);
  multiply_stored(node.pool(),
                  {matrix_, node.in(kBias).as<float>(), range_, node.in(kInput).as<float>(),
                   out.as<float>(), static_cast<int64_t>(out.shape[0])});
}

std::vector<StoredPair> find_stored_weights(const Model& model, const std::vector<Step>& steps) {
  const Pairs pairs(model, steps);
  std::vector<StoredPair> found;
  for (size_t i = 0; i < steps.size(); ++i) {
    StoredPair pair = pairs.at(i);
    if (pair.weights) found.push_back(std::move(pair));
  }
  return found;
}

}  // namespace nnapi::host
