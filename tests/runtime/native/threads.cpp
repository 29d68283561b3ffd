// Many threads on one library: executions of one compilation, models of everyone's own, events.
// Prints what is wrong and returns 1, or returns 0. Meant to be run under ThreadSanitizer, too.
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <memory>
#include <thread>
#include <vector>

#include "nnapi/neural_networks.h"

namespace {

constexpr int kThreads = 8, kRounds = 25;
constexpr uint32_t kRows = 64, kColumns = 96;
std::atomic<int> g_failures{0};

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      ++g_failures;                                                        \
      return;                                                              \
    }                                                                      \
  } while (0)

void in_threads(const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

// softmax(relu(x · weights + bias) · x), large enough for the thread pool to take part.
class Network {
 public:
  Network() : weights_(kColumns * kColumns), bias_(kColumns) {
    for (size_t i = 0; i < weights_.size(); ++i) weights_[i] = float(int(i * 7 % 13) - 6) / 50;
    for (size_t i = 0; i < bias_.size(); ++i) bias_[i] = float(int(i % 5) - 2) / 10;
    ok_ = build();
  }
  ~Network() {
    ANeuralNetworksCompilation_free(compilation_);
    ANeuralNetworksModel_free(model_);
  }
  bool ok() const { return ok_; }
  ANeuralNetworksCompilation* compilation() const { return compilation_; }

 private:
  uint32_t operand(int32_t type, std::initializer_list<uint32_t> dims) {
    const ANeuralNetworksOperandType t{type, uint32_t(dims.size()),
                                       dims.size() ? dims.begin() : nullptr, 0, 0};
    ok_ = ok_ && ANeuralNetworksModel_addOperand(model_, &t) == 0;
    return count_++;
  }
  uint32_t constant(int32_t type, std::initializer_list<uint32_t> dims, const void* data,
                    size_t bytes) {
    const uint32_t index = operand(type, dims);
    ok_ = ok_ && ANeuralNetworksModel_setOperandValue(model_, index, data, bytes) == 0;
    return index;
  }
  void operation(int32_t code, std::initializer_list<uint32_t> in, uint32_t out) {
    ok_ =
        ok_ && ANeuralNetworksModel_addOperation(model_, code, in.size(), in.begin(), 1, &out) == 0;
  }
  bool build() {
    ok_ = ANeuralNetworksModel_create(&model_) == 0;
    const int32_t f32 = ANEURALNETWORKS_TENSOR_FLOAT32;
    const uint32_t x = operand(f32, {kRows, kColumns});
    const uint32_t w = constant(f32, {kColumns, kColumns}, weights_.data(), weights_.size() * 4);
    const uint32_t b = constant(f32, {kColumns}, bias_.data(), bias_.size() * 4);
    const int32_t relu = ANEURALNETWORKS_FUSED_RELU, none = ANEURALNETWORKS_FUSED_NONE;
    const float one = 1;
    const uint32_t act = constant(ANEURALNETWORKS_INT32, {}, &relu, 4);
    const uint32_t plain = constant(ANEURALNETWORKS_INT32, {}, &none, 4);
    const uint32_t beta = constant(ANEURALNETWORKS_FLOAT32, {}, &one, 4);
    const uint32_t hidden = operand(f32, {kRows, kColumns});
    const uint32_t product = operand(f32, {kRows, kColumns});
    const uint32_t y = operand(f32, {kRows, kColumns});
    operation(ANEURALNETWORKS_FULLY_CONNECTED, {x, w, b, act}, hidden);
    operation(ANEURALNETWORKS_MUL, {hidden, x, plain}, product);
    operation(ANEURALNETWORKS_SOFTMAX, {product, beta}, y);
    return ok_ && ANeuralNetworksModel_identifyInputsAndOutputs(model_, 1, &x, 1, &y) == 0 &&
           ANeuralNetworksModel_finish(model_) == 0 &&
           ANeuralNetworksCompilation_create(model_, &compilation_) == 0 &&
           ANeuralNetworksCompilation_finish(compilation_) == 0;
  }

  ANeuralNetworksModel* model_ = nullptr;
  ANeuralNetworksCompilation* compilation_ = nullptr;
  uint32_t count_ = 0;
  bool ok_ = true;
  std::vector<float> weights_, bias_;
};

using Values = std::vector<float>;

Values input(int seed) {
  Values values(kRows * kColumns);
  for (size_t i = 0; i < values.size(); ++i) values[i] = float((i * 31 + seed * 17) % 101) / 50 - 1;
  return values;
}

// Runs once; true when it went well.
bool run(ANeuralNetworksCompilation* compilation, const Values& in, Values& out, bool background) {
  ANeuralNetworksExecution* execution = nullptr;
  bool ok = ANeuralNetworksExecution_create(compilation, &execution) == 0;
  ok =
      ok && ANeuralNetworksExecution_setInput(execution, 0, nullptr, in.data(), in.size() * 4) == 0;
  ok = ok &&
       ANeuralNetworksExecution_setOutput(execution, 0, nullptr, out.data(), out.size() * 4) == 0;
  if (background) {
    ANeuralNetworksEvent* event = nullptr;
    ok = ok && ANeuralNetworksExecution_startCompute(execution, &event) == 0;
    ok = ok && ANeuralNetworksEvent_wait(event) == 0;
    ANeuralNetworksEvent_free(event);
  } else {
    ok = ok && ANeuralNetworksExecution_compute(execution) == 0;
  }
  ANeuralNetworksExecution_free(execution);
  return ok;
}

void share_a_compilation() {
  Network network;
  CHECK(network.ok());
  std::vector<Values> expected;
  for (int seed = 0; seed < kThreads; ++seed) {
    expected.emplace_back(kRows * kColumns);
    CHECK(run(network.compilation(), input(seed), expected.back(), false));
    CHECK(std::isfinite(expected.back()[0]) && expected.back()[0] > 0);
  }
  in_threads([&](int id) {
    for (int round = 0; round < kRounds; ++round) {
      const int seed = (id + round) % kThreads;
      Values out(kRows * kColumns, -1.0f);
      CHECK(run(network.compilation(), input(seed), out, round % 5 == 4));
      CHECK(out == expected[seed]);
    }
  });
}

// Everyone builds, compiles, runs and frees, while the others do.
void each_a_model() {
  Values expected(kRows * kColumns);
  {
    Network network;
    CHECK(network.ok() && run(network.compilation(), input(3), expected, false));
  }
  in_threads([&](int) {
    for (int round = 0; round < kRounds / 3; ++round) {
      Network network;
      CHECK(network.ok());
      Values out(kRows * kColumns);
      CHECK(run(network.compilation(), input(3), out, false));
      CHECK(out == expected);
    }
  });
}

// The owner frees its handles while executions that were made from them still run.
void free_while_others_run() {
  for (int round = 0; round < kRounds / 5; ++round) {
    auto network = std::make_unique<Network>();
    CHECK(network->ok());
    Values expected(kRows * kColumns);
    CHECK(run(network->compilation(), input(1), expected, false));
    const Values in = input(1);
    std::vector<Values> results(kThreads, Values(kRows * kColumns));
    std::vector<ANeuralNetworksExecution*> executions(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      CHECK(ANeuralNetworksExecution_create(network->compilation(), &executions[i]) == 0);
      ANeuralNetworksExecution_setInput(executions[i], 0, nullptr, in.data(), in.size() * 4);
      ANeuralNetworksExecution_setOutput(executions[i], 0, nullptr, results[i].data(),
                                         results[i].size() * 4);
    }
    in_threads([&](int id) {
      CHECK(ANeuralNetworksExecution_compute(executions[id]) == 0);
      ANeuralNetworksExecution_free(executions[id]);
    });
    for (const Values& result : results) CHECK(result == expected);
    network.reset();
  }
}

}  // namespace

int main() {
  share_a_compilation();
  each_a_model();
  free_while_others_run();
  return g_failures == 0 ? 0 : 1;
}
