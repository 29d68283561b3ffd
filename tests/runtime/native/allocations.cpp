// Computing a model of fixed shapes allocates nothing. This program's operator new stands in for
// the library's, and counts.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

#include "nnapi/neural_networks.h"

namespace {

std::atomic<bool> g_counting{false};
std::atomic<int> g_allocations{0};

void count() {
  if (g_counting) ++g_allocations;
}

bool check(bool condition, const char* what) {
  if (!condition) std::fprintf(stderr, "%s\n", what);
  return condition;
}

}  // namespace

void* operator new(size_t bytes) {
  count();
  if (void* data = std::malloc(bytes)) return data;
  throw std::bad_alloc();
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  count();
  const size_t unit = static_cast<size_t>(alignment);
  if (void* data = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit)) return data;
  throw std::bad_alloc();
}
void operator delete(void* data) noexcept { std::free(data); }
void operator delete(void* data, size_t) noexcept { std::free(data); }
void operator delete(void* data, std::align_val_t) noexcept { std::free(data); }
void operator delete(void* data, size_t, std::align_val_t) noexcept { std::free(data); }

int main() {
  constexpr uint32_t kSize = 24, kChannels = 8, kDepth = 4;
  ANeuralNetworksModel* model = nullptr;
  bool ok = ANeuralNetworksModel_create(&model) == 0;
  uint32_t operands = 0;
  auto operand = [&](int32_t type, std::vector<uint32_t> dims) {
    const ANeuralNetworksOperandType t{type, uint32_t(dims.size()),
                                       dims.empty() ? nullptr : dims.data(), 0, 0};
    ok = ok && ANeuralNetworksModel_addOperand(model, &t) == 0;
    return operands++;
  };
  auto constant = [&](int32_t type, std::vector<uint32_t> dims, const void* data, size_t bytes) {
    const uint32_t index = operand(type, std::move(dims));
    ok = ok && ANeuralNetworksModel_setOperandValue(model, index, data, bytes) == 0;
    return index;
  };
  auto operation = [&](int32_t code, std::vector<uint32_t> in, uint32_t out) {
    ok = ok && ANeuralNetworksModel_addOperation(model, code, in.size(), in.data(), 1, &out) == 0;
  };

  // A few convolutions, a residual, a pooling, a linear layer and a softmax.
  const int32_t f32 = ANEURALNETWORKS_TENSOR_FLOAT32, i32 = ANEURALNETWORKS_INT32;
  const int32_t one = 1, same = ANEURALNETWORKS_PADDING_SAME, valid = ANEURALNETWORKS_PADDING_VALID;
  const int32_t size = kSize, relu = ANEURALNETWORKS_FUSED_RELU, none = 0;
  const float beta = 1;
  const std::vector<float> weights(kChannels * 9 * kChannels, 0.01f), bias(kChannels, 0.1f);
  const uint32_t unit = constant(i32, {}, &one, 4), act = constant(i32, {}, &relu, 4);
  const uint32_t plain = constant(i32, {}, &none, 4), padding = constant(i32, {}, &same, 4);
  const uint32_t no_padding = constant(i32, {}, &valid, 4), window = constant(i32, {}, &size, 4);
  const uint32_t w =
      constant(f32, {kChannels, 3, 3, kChannels}, weights.data(), weights.size() * 4);
  const uint32_t b = constant(f32, {kChannels}, bias.data(), bias.size() * 4);
  const uint32_t dense =
      constant(f32, {kChannels, kChannels}, weights.data(), kChannels * kChannels * 4);
  const uint32_t scale = constant(ANEURALNETWORKS_FLOAT32, {}, &beta, 4);
  const uint32_t x = operand(f32, {1, kSize, kSize, kChannels});
  uint32_t value = x;
  for (uint32_t i = 0; i < kDepth; ++i) {
    const uint32_t convolved = operand(f32, {1, kSize, kSize, kChannels});
    const uint32_t sum = operand(f32, {1, kSize, kSize, kChannels});
    operation(ANEURALNETWORKS_CONV_2D, {value, w, b, padding, unit, unit, act}, convolved);
    operation(ANEURALNETWORKS_ADD, {convolved, value, plain}, sum);
    value = sum;
  }
  const uint32_t pooled = operand(f32, {1, 1, 1, kChannels}), logits = operand(f32, {1, kChannels});
  const uint32_t y = operand(f32, {1, kChannels});
  operation(ANEURALNETWORKS_AVERAGE_POOL_2D, {value, no_padding, unit, unit, window, window, plain},
            pooled);
  operation(ANEURALNETWORKS_FULLY_CONNECTED, {pooled, dense, b, plain}, logits);
  operation(ANEURALNETWORKS_SOFTMAX, {logits, scale}, y);
  ANeuralNetworksCompilation* compilation = nullptr;
  ANeuralNetworksExecution* execution = nullptr;
  std::vector<float> in(kSize * kSize * kChannels, 0.5f), out(kChannels);
  ok = ok && ANeuralNetworksModel_identifyInputsAndOutputs(model, 1, &x, 1, &y) == 0 &&
       ANeuralNetworksModel_finish(model) == 0 &&
       ANeuralNetworksCompilation_create(model, &compilation) == 0 &&
       ANeuralNetworksCompilation_finish(compilation) == 0 &&
       ANeuralNetworksExecution_create(compilation, &execution) == 0 &&
       ANeuralNetworksExecution_setReusable(execution, true) == 0 &&
       ANeuralNetworksExecution_setInput(execution, 0, nullptr, in.data(), in.size() * 4) == 0 &&
       ANeuralNetworksExecution_setOutput(execution, 0, nullptr, out.data(), out.size() * 4) == 0;
  if (!check(ok, "the model was refused")) return 1;
  if (!check(ANeuralNetworksExecution_compute(execution) == 0, "compute failed")) return 1;
  g_counting = true;  // from now on the pool's threads are there
  for (int i = 0; i < 3; ++i) ok = ok && ANeuralNetworksExecution_compute(execution) == 0;
  g_counting = false;
  std::fprintf(stderr, "%d allocations in three computations\n", g_allocations.load());
  ANeuralNetworksExecution_free(execution);
  ANeuralNetworksCompilation_free(compilation);
  ANeuralNetworksModel_free(model);
  return ok && g_allocations == 0 ? 0 : 1;
}
