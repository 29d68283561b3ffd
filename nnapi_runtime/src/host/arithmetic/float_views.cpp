#include "host/arithmetic/float_views.h"

#include "host/arithmetic/quantization.h"
#include "host/base/float16.h"

namespace nnapi::host {
namespace {

bool is_float32(const Tensor& t) { return t.type == ANEURALNETWORKS_TENSOR_FLOAT32; }

bool is_real_but_not_float32(const Tensor& t) {
  switch (t.type) {
    case ANEURALNETWORKS_TENSOR_FLOAT16:
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM:
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED:
    case ANEURALNETWORKS_TENSOR_QUANT16_ASYMM:
    case ANEURALNETWORKS_TENSOR_QUANT16_SYMM:
      return true;
    default:
      return false;
  }
}

template <class Q>
void load_quantised(const Tensor& from, float* to) {
  const Q* stored = from.as<Q>();
  for (size_t i = 0, n = from.count(); i < n; ++i)
    to[i] = static_cast<float>(static_cast<int32_t>(stored[i]) - from.zero_point) * from.scale;
}

template <class Q>
void store_quantised(const float* from, size_t count, Tensor& to, size_t first) {
  const Quantizer<Q> quantize(to.zero_point);
  Q* stored = to.as<Q>() + first;
  for (size_t i = 0; i < count; ++i) stored[i] = quantize(from[i] / to.scale);
}

}  // namespace

void load_floats(const Tensor& from, float* to) {
  switch (from.type) {
    case ANEURALNETWORKS_TENSOR_FLOAT32:
      for (size_t i = 0, n = from.count(); i < n; ++i) to[i] = from.as<float>()[i];
      return;
    case ANEURALNETWORKS_TENSOR_FLOAT16:
      for (size_t i = 0, n = from.count(); i < n; ++i) to[i] = to_float(from.as<Float16>()[i]);
      return;
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM:
      return load_quantised<uint8_t>(from, to);
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED:
      return load_quantised<int8_t>(from, to);
    case ANEURALNETWORKS_TENSOR_QUANT16_ASYMM:
      return load_quantised<uint16_t>(from, to);
    case ANEURALNETWORKS_TENSOR_QUANT16_SYMM:
      return load_quantised<int16_t>(from, to);
  }
}

void store_floats(const float* from, size_t count, Tensor& to, size_t first) {
  switch (to.type) {
    case ANEURALNETWORKS_TENSOR_FLOAT32:
      for (size_t i = 0; i < count; ++i) to.as<float>()[first + i] = from[i];
      return;
    case ANEURALNETWORKS_TENSOR_FLOAT16:
      for (size_t i = 0; i < count; ++i) to.as<Float16>()[first + i] = to_float16(from[i]);
      return;
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM:
      return store_quantised<uint8_t>(from, count, to, first);
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED:
      return store_quantised<int8_t>(from, count, to, first);
    case ANEURALNETWORKS_TENSOR_QUANT16_ASYMM:
      return store_quantised<uint16_t>(from, count, to, first);
    case ANEURALNETWORKS_TENSOR_QUANT16_SYMM:
      return store_quantised<int16_t>(from, count, to, first);
  }
}

FloatConstants::FloatConstants(const Node& node) : converted_(node.num_inputs()) {
  for (uint32_t i = 0; i < node.num_inputs(); ++i) {
    if (!node.has(i)) continue;
    const Tensor& t = node.in(i);
    if (!t.constant || !t.data || !is_real_but_not_float32(t)) continue;
    converted_[i] = std::make_unique<float[]>(t.count());
    load_floats(t, converted_[i].get());
  }
}

FloatInputs::FloatInputs(const Node& node, const FloatConstants& constants,
                         ScratchCursor& scratch) {
  for (uint32_t i = 0; i < node.num_inputs() && i < kMost; ++i) {
    if (!node.has(i)) continue;
    const Tensor& t = node.in(i);
    if (is_float32(t)) {
      views_[i] = t.as<float>();
    } else if (constants[i]) {
      views_[i] = constants[i];
    } else if (is_real_but_not_float32(t)) {
      float* converted = scratch.take<float>(t.count());
      if (!scratch.counting() && t.data) load_floats(t, converted);
      views_[i] = converted;
    }
  }
}

FloatOutput::FloatOutput(const Node& node, uint32_t i, ScratchCursor& scratch)
    : tensor_(&node.out(i)),
      data_(is_float32(*tensor_) ? tensor_->as<float>() : scratch.take<float>(tensor_->count())) {}

void FloatOutput::store() const {
  if (!is_float32(*tensor_)) store_floats(data_, tensor_->count(), *tensor_);
}

}  // namespace nnapi::host
