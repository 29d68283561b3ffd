#include "host/device/wrong_results.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/base/float16.h"

namespace nnapi::host {
namespace {

template <class T>
void add_to_integers(Tensor& tensor, int32_t steps) {
  T* data = tensor.as<T>();
  for (size_t i = 0; i < tensor.count(); ++i)
    data[i] = static_cast<T>(std::clamp<int64_t>(
        int64_t{data[i]} + steps, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

float from_float(float value, float) { return value; }
Float16 from_float(float value, Float16) { return to_float16(value); }

template <class T>
void add_to_reals(Tensor& tensor, int32_t steps) {
  T* data = tensor.as<T>();
  float largest = 0;
  for (size_t i = 0; i < tensor.count(); ++i)
    if (const float size = std::fabs(to_float(data[i])); std::isfinite(size))
      largest = std::max(largest, size);
  const float added = static_cast<float>(steps) * (largest > 0 ? largest : 1.0f) / 256.0f;
  for (size_t i = 0; i < tensor.count(); ++i) data[i] = from_float(to_float(data[i]) + added, T{});
}

}  // namespace

void make_wrong(Tensor& tensor, int32_t steps) {
  if (tensor.data == nullptr) return;
  switch (tensor.type) {
    case ANEURALNETWORKS_TENSOR_FLOAT32:
      return add_to_reals<float>(tensor, steps);
    case ANEURALNETWORKS_TENSOR_FLOAT16:
      return add_to_reals<Float16>(tensor, steps);
    case ANEURALNETWORKS_TENSOR_INT32:
      return add_to_integers<int32_t>(tensor, steps);
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM:
      return add_to_integers<uint8_t>(tensor, steps);
    case ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED:
    case ANEURALNETWORKS_TENSOR_QUANT8_SYMM:
    case ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL:
      return add_to_integers<int8_t>(tensor, steps);
    case ANEURALNETWORKS_TENSOR_QUANT16_SYMM:
      return add_to_integers<int16_t>(tensor, steps);
    case ANEURALNETWORKS_TENSOR_QUANT16_ASYMM:
      return add_to_integers<uint16_t>(tensor, steps);
    case ANEURALNETWORKS_TENSOR_BOOL8:
      for (size_t i = 0; i < tensor.count(); ++i) tensor.as<uint8_t>()[i] ^= 1;
      return;
    default:
      return;  // scalars (RANK) are sizes of what follows
  }
}

}  // namespace nnapi::host
