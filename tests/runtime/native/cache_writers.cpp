// Many threads compile models with one token in one folder: whole files, right results, nothing
// left. cache_writers FOLDER THREADS SECONDS. Prints what is wrong and returns 1, or counts and
// returns 0.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "nnapi/neural_networks.h"

namespace {

constexpr uint32_t kSize = 96;
constexpr int kModels = 3;
std::atomic<long> g_compiled{0}, g_failures{0};

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      ++g_failures;                                                        \
      return {};                                                           \
    }                                                                      \
  } while (0)

using Values = std::vector<float>;

// x · weights + bias, compiled with the cache in `folder` (null: without one) and computed once.
Values computed(const char* folder, int which) {
  Values weights(kSize * kSize), bias(kSize), x(kSize), y(kSize, -1);
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = float(int(i * 7 + i / kSize * 3 + size_t(which) * 5) % 13 - 6) / 50;
  for (size_t i = 0; i < kSize; ++i) x[i] = float(i % 9) - 4;
  const uint32_t row[] = {1, kSize}, square[] = {kSize, kSize}, line[] = {kSize};
  const int32_t none = 0;
  const ANeuralNetworksOperandType types[] = {
      {ANEURALNETWORKS_TENSOR_FLOAT32, 2, row, 0, 0},
      {ANEURALNETWORKS_TENSOR_FLOAT32, 2, square, 0, 0},
      {ANEURALNETWORKS_TENSOR_FLOAT32, 1, line, 0, 0},
      {ANEURALNETWORKS_INT32, 0, nullptr, 0, 0},
      {ANEURALNETWORKS_TENSOR_FLOAT32, 2, row, 0, 0},
  };
  ANeuralNetworksModel* model = nullptr;
  CHECK(ANeuralNetworksModel_create(&model) == 0);
  for (const auto& type : types) CHECK(ANeuralNetworksModel_addOperand(model, &type) == 0);
  CHECK(ANeuralNetworksModel_setOperandValue(model, 1, weights.data(), weights.size() * 4) == 0);
  CHECK(ANeuralNetworksModel_setOperandValue(model, 2, bias.data(), bias.size() * 4) == 0);
  CHECK(ANeuralNetworksModel_setOperandValue(model, 3, &none, 4) == 0);
  const uint32_t inputs[] = {0, 1, 2, 3}, in = 0, out = 4;
  CHECK(ANeuralNetworksModel_addOperation(model, ANEURALNETWORKS_FULLY_CONNECTED, 4, inputs, 1,
                                          &out) == 0);
  CHECK(ANeuralNetworksModel_identifyInputsAndOutputs(model, 1, &in, 1, &out) == 0);
  CHECK(ANeuralNetworksModel_finish(model) == 0);
  ANeuralNetworksCompilation* compilation = nullptr;
  CHECK(ANeuralNetworksCompilation_create(model, &compilation) == 0);
  uint8_t token[ANEURALNETWORKS_BYTE_SIZE_OF_CACHE_TOKEN];
  std::memset(token, 0xab, sizeof token);
  if (folder) CHECK(ANeuralNetworksCompilation_setCaching(compilation, folder, token) == 0);
  CHECK(ANeuralNetworksCompilation_finish(compilation) == 0);
  ANeuralNetworksExecution* execution = nullptr;
  CHECK(ANeuralNetworksExecution_create(compilation, &execution) == 0);
  CHECK(ANeuralNetworksExecution_setInput(execution, 0, nullptr, x.data(), kSize * 4) == 0);
  CHECK(ANeuralNetworksExecution_setOutput(execution, 0, nullptr, y.data(), kSize * 4) == 0);
  CHECK(ANeuralNetworksExecution_compute(execution) == 0);
  ANeuralNetworksExecution_free(execution);
  ANeuralNetworksCompilation_free(compilation);
  ANeuralNetworksModel_free(model);
  return y;
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) return 2;
  const char* folder = words[1];
  const int threads = std::atoi(words[2]);
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::milliseconds(long(1000 * std::atof(words[3])));
  std::vector<Values> expected;
  for (int which = 0; which < kModels; ++which) expected.push_back(computed(nullptr, which));
  std::vector<std::thread> running;
  for (int id = 0; id < threads; ++id) {
    running.emplace_back([&, id] {
      for (int round = 0; std::chrono::steady_clock::now() < end; ++round) {
        // One model, and now and then another under its token, so that the file is written anew.
        const int which = (round + id) % 4 == 0 ? (round / 4 + id) % kModels : 0;
        if (computed(folder, which) != expected[size_t(which)]) {
          std::fprintf(stderr, "thread %d, round %d: a wrong result\n", id, round);
          ++g_failures;
        }
        ++g_compiled;
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  std::printf("%ld compilations, %ld failures\n", g_compiled.load(), g_failures.load());
  return g_failures == 0 ? 0 : 1;
}
