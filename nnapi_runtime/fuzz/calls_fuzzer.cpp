// Random calls of the C API, in any order, on handles that are right, of another state, freed or
// null; a refused call is followed by the next one. Models are small: what matters is models,
// compilations with caches, memories and their roles, executions, bursts, events that depend on
// events, and threads on one compilation.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "fuzz/bytes.h"
#include "fuzz/handles.h"
#include "fuzz/small_model.h"
#include "nnapi/host_extras.h"
#include "nnapi/neural_networks.h"

namespace {

using nnapi::fuzz::Bytes;
using nnapi::fuzz::Handles;
using nnapi::fuzz::kLine;
using nnapi::fuzz::kSquare;
using nnapi::fuzz::small_model;

constexpr size_t kMostCalls = 400;
std::string& cache_folder() {
  static std::string folder;
  return folder;
}

class Calls {
 public:
  explicit Calls(Bytes& bytes) : bytes_(bytes) {}
  Calls(const Calls&) = delete;

  void run() {
    for (size_t i = 0; i < kMostCalls && !bytes_.empty(); ++i) call();
  }

 private:
  // ---- arguments
  int32_t index() { return bytes_.one_in(16) ? int32_t(bytes_.next()) - 2 : bytes_.below(3); }
  size_t length() { return bytes_.one_in(8) ? bytes_.below(300) : 4 * kLine; }
  size_t offset() { return bytes_.one_in(4) ? bytes_.below(300) : 0; }
  // Of a tensor argument; null: the model's.
  const ANeuralNetworksOperandType* type() {
    if (!bytes_.one_in(3)) return nullptr;
    dims_[0] = bytes_.one_in(4) ? bytes_.below(9) : kLine;
    dims_[1] = bytes_.below(3);
    type_ = {
        bytes_.one_in(16) ? int32_t(bytes_.below(18)) : int32_t(ANEURALNETWORKS_TENSOR_FLOAT32),
        bytes_.one_in(8) ? bytes_.below(3) : 1, dims_, 0.0f, 0};
    return &type_;
  }
  // Memory of the argument's own, as long as a call may say: executions compute at once.
  void* memory() {
    buffers_.push_back(std::make_unique<std::vector<char>>(304));
    return bytes_.one_in(32) ? nullptr : buffers_.back()->data();
  }

  // ---- models
  void new_model() { models_.keep(ANEURALNETWORKS_NO_ERROR, small_model(bytes_)); }
  void change_model() {
    auto* model = models_.one(bytes_);
    const uint32_t some[] = {bytes_.below(8), bytes_.below(8), bytes_.below(8)};
    const uint32_t count = bytes_.below(4), results = bytes_.below(3);
    switch (bytes_.below(7)) {
      case 0:
        ANeuralNetworksModel_addOperand(model, bytes_.one_in(8) ? nullptr : type());
        break;
      case 1:
        ANeuralNetworksModel_setOperandValue(model, index(), memory(), length());
        break;
      case 2:
        ANeuralNetworksModel_setOperandValueFromMemory(model, index(), memories_.one(bytes_),
                                                       offset(), length());
        break;
      case 3:
        ANeuralNetworksModel_addOperation(model, bytes_.below(110), count, some, results, some);
        break;
      case 4:
        ANeuralNetworksModel_identifyInputsAndOutputs(model, count, some, results, some);
        break;
      case 5:
        ANeuralNetworksModel_setOperandValueFromModel(model, index(), models_.one(bytes_));
        break;
      case 6:
        ANeuralNetworksModel_relaxComputationFloat32toFloat16(model, bytes_.one_in(2));
        ANeuralNetworksModel_finish(model);
        break;
    }
  }

  // ---- compilations
  void new_compilation() {
    ANeuralNetworksCompilation* made = nullptr;
    ANeuralNetworksDevice* device = nullptr;
    ANeuralNetworks_getDevice(bytes_.one_in(16) ? 7 : 0, &device);
    auto* model = models_.one(bytes_);
    bool supported[8];
    ANeuralNetworksModel_getSupportedOperationsForDevices(model, &device, bytes_.below(2),
                                                          supported);
    const int status = bytes_.one_in(2) ? ANeuralNetworksCompilation_create(model, &made)
                                        : ANeuralNetworksCompilation_createForDevices(
                                              model, &device, bytes_.one_in(16) ? 2 : 1, &made);
    if (made != nullptr && bytes_.one_in(2)) set_caching(made);
    if (made != nullptr && !bytes_.one_in(8)) ANeuralNetworksCompilation_finish(made);
    compilations_.keep(status, made);
  }
  void set_caching(ANeuralNetworksCompilation* compilation) {
    const std::vector<uint8_t> token(ANEURALNETWORKS_BYTE_SIZE_OF_CACHE_TOKEN,
                                     uint8_t(bytes_.below(3)));
    const std::string folder = bytes_.one_in(8) ? "/no/such/folder" : cache_folder();
    ANeuralNetworksCompilation_setCaching(compilation, folder.c_str(),
                                          bytes_.one_in(16) ? nullptr : token.data());
  }
  void change_compilation() {
    auto* compilation = compilations_.one(bytes_);
    uint32_t number = 0;
    switch (bytes_.below(6)) {
      case 0:
        ANeuralNetworksCompilation_setPreference(compilation, int32_t(bytes_.below(5)) - 1);
        break;
      case 1:
        ANeuralNetworksCompilation_setPriority(compilation, 10 * int(bytes_.below(12)));
        break;
      case 2:
        ANeuralNetworksCompilation_setTimeout(compilation, bytes_.one_in(2) ? 1 : 0);
        break;
      case 3:
        set_caching(compilation);
        break;
      case 4:
        nnapi_host_compilation_set_memory_limit(compilation, bytes_.below(200), bytes_.below(3));
        break;
      case 5:
        ANeuralNetworksCompilation_getPreferredMemoryAlignmentForInput(
            compilation, bytes_.below(3), bytes_.one_in(16) ? nullptr : &number);
        break;
    }
    if (bytes_.one_in(2)) ANeuralNetworksCompilation_finish(compilation);
  }

  // ---- memories
  void new_memory() {
    ANeuralNetworksMemory* made = nullptr;
    int status = ANEURALNETWORKS_BAD_DATA;
    if (bytes_.one_in(2)) {
      status = ANeuralNetworksMemory_createFromDesc(descriptors_.one(bytes_), &made);
    } else {
      const int file = memfd_create("fuzzed", MFD_CLOEXEC);
      if (file < 0 || ftruncate(file, 4096) != 0) std::abort();
      status = ANeuralNetworksMemory_createFromFd(
          bytes_.one_in(16) ? 0 : 4096, bytes_.one_in(8) ? PROT_READ : PROT_READ | PROT_WRITE,
          bytes_.one_in(16) ? -1 : file, bytes_.one_in(8) ? 1 : 0, &made);
      close(file);
    }
    memories_.keep(status, made);
  }
  void new_descriptor() {
    ANeuralNetworksMemoryDesc* made = nullptr;
    const int status = ANeuralNetworksMemoryDesc_create(&made);
    for (uint32_t i = bytes_.below(4); i > 0; --i) change(made);
    if (!bytes_.one_in(8)) ANeuralNetworksMemoryDesc_finish(made);
    descriptors_.keep(status, made);
  }
  void change(ANeuralNetworksMemoryDesc* descriptor) {
    auto* compilation = compilations_.one(bytes_);
    const float frequency = bytes_.one_in(8) ? -1.0f : 1.0f;
    const uint32_t dims[] = {bytes_.below(6), bytes_.below(6)};
    switch (bytes_.below(3)) {
      case 0:
        ANeuralNetworksMemoryDesc_addInputRole(descriptor, compilation, bytes_.below(3), frequency);
        break;
      case 1:
        ANeuralNetworksMemoryDesc_addOutputRole(descriptor, compilation, bytes_.below(2),
                                                frequency);
        break;
      case 2:
        ANeuralNetworksMemoryDesc_setDimensions(descriptor, bytes_.below(3), dims);
        break;
    }
  }

  // ---- executions
  void new_execution() {
    ANeuralNetworksExecution* made = nullptr;
    const int status = ANeuralNetworksExecution_create(compilations_.one(bytes_), &made);
    if (made != nullptr && !bytes_.one_in(4)) {
      for (int i = 0; i < 2; ++i)
        if (ANeuralNetworksExecution_setInput(made, i, nullptr, memory(), 4 * kLine) != 0)
          ANeuralNetworksExecution_setInput(made, i, type(), memory(), 4 * kSquare);
      ANeuralNetworksExecution_setOutput(made, 0, nullptr, memory(), 4 * kSquare);
      ANeuralNetworksExecution_setOutput(made, 0, nullptr, memory(), 4 * kLine);
    }
    executions_.keep(status, made);
  }
  void change_execution() {
    auto* execution = executions_.one(bytes_);
    switch (bytes_.below(9)) {
      case 0:
        ANeuralNetworksExecution_setInput(execution, index(), type(), memory(), length());
        break;
      case 1:
        ANeuralNetworksExecution_setOutput(execution, index(), type(), memory(), length());
        break;
      case 2:
        ANeuralNetworksExecution_setInputFromMemory(execution, index(), type(),
                                                    memories_.one(bytes_), offset(),
                                                    bytes_.one_in(2) ? 0 : length());
        break;
      case 3:
        ANeuralNetworksExecution_setOutputFromMemory(execution, index(), type(),
                                                     memories_.one(bytes_), offset(),
                                                     bytes_.one_in(2) ? 0 : length());
        break;
      case 4:
        ANeuralNetworksExecution_setReusable(execution, !bytes_.one_in(4));
        break;
      case 5:
        ANeuralNetworksExecution_setMeasureTiming(execution, bytes_.one_in(2));
        break;
      case 6:
        ANeuralNetworksExecution_setTimeout(execution, bytes_.one_in(4) ? 1 : 0);
        break;
      case 7:
        ANeuralNetworksExecution_enableInputAndOutputPadding(execution, bytes_.one_in(2));
        break;
      case 8:
        nnapi_host_execution_set_profiling(execution, bytes_.one_in(2));
        break;
    }
  }
  void start() {
    ANeuralNetworksEvent* made = nullptr;
    auto* execution = executions_.one(bytes_);
    std::vector<const ANeuralNetworksEvent*> before;
    for (uint32_t i = bytes_.below(3); i > 0; --i) before.push_back(events_.one(bytes_));
    const int status = bytes_.one_in(2) ? ANeuralNetworksExecution_startCompute(execution, &made)
                                        : ANeuralNetworksExecution_startComputeWithDependencies(
                                              execution, before.data(), uint32_t(before.size()),
                                              bytes_.one_in(4) ? 1 : 0, &made);
    events_.keep(status, made);
  }
  // Executions of one compilation, at once.
  void compute_in_threads() {
    auto* compilation = compilations_.one(bytes_);
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
      threads.emplace_back([compilation] {
        float a[kSquare] = {}, b[kSquare] = {}, out[kSquare];
        ANeuralNetworksExecution* execution = nullptr;
        ANeuralNetworksExecution_create(compilation, &execution);
        for (const size_t bytes : {4 * kLine, 4 * kSquare}) {
          ANeuralNetworksExecution_setInput(execution, 0, nullptr, a, bytes);
          ANeuralNetworksExecution_setInput(execution, 1, nullptr, b, bytes);
          ANeuralNetworksExecution_setOutput(execution, 0, nullptr, out, bytes);
        }
        ANeuralNetworksExecution_compute(execution);
        ANeuralNetworksExecution_free(execution);
      });
    for (std::thread& thread : threads) thread.join();
  }
  void look() {
    const auto* execution = executions_.one(bytes_);
    auto* changeable = const_cast<ANeuralNetworksExecution*>(execution);
    uint32_t rank = 0, dims[32];
    uint64_t duration = 0;
    if (ANeuralNetworksExecution_getOutputOperandRank(changeable, index(), &rank) == 0)
      ANeuralNetworksExecution_getOutputOperandDimensions(changeable, index(), dims);
    ANeuralNetworksExecution_getDuration(execution, int32_t(bytes_.below(5)), &duration);
  }
  void use_events() {
    auto* event = events_.one(bytes_);
    if (bytes_.one_in(2)) {
      ANeuralNetworksEvent_wait(event);
      return;
    }
    int fence = -1;
    ANeuralNetworksEvent* made = nullptr;
    ANeuralNetworksEvent_getSyncFenceFd(event, &fence);
    const int status = ANeuralNetworksEvent_createFromSyncFenceFd(fence, &made);
    if (fence >= 0) close(fence);
    events_.keep(status, made);
  }
  void use_bursts() {
    if (bytes_.one_in(2)) {
      ANeuralNetworksBurst* made = nullptr;
      const int status = ANeuralNetworksBurst_create(compilations_.one(bytes_), &made);
      bursts_.keep(status, made);
    }
    ANeuralNetworksExecution_burstCompute(executions_.one(bytes_), bursts_.one(bytes_));
  }
  void free_any() {
    switch (bytes_.below(7)) {
      case 0:
        return models_.release(bytes_);
      case 1:
        return compilations_.release(bytes_);
      case 2:
        return executions_.release(bytes_);
      case 3:
        return memories_.release(bytes_);
      case 4:
        return descriptors_.release(bytes_);
      case 5:
        return events_.release(bytes_);
      case 6:
        return bursts_.release(bytes_);
    }
  }

  void call() {
    switch (bytes_.below(20)) {
      case 0:
        return new_model();
      case 1:
        return change_model();
      case 2:
      case 3:
        return new_compilation();
      case 4:
        return change_compilation();
      case 5:
        return new_memory();
      case 6:
        return new_descriptor();
      case 7:
        return change(descriptors_.one(bytes_));
      case 8:
      case 9:
        return new_execution();
      case 10:
      case 11:
        return change_execution();
      case 12:
        ANeuralNetworksExecution_compute(executions_.one(bytes_));
        return look();
      case 13:
        return start();
      case 14:
        return use_events();
      case 15:
        return use_bursts();
      case 16:
        if (bytes_.one_in(8)) compute_in_threads();
        return;
      case 17:
        ANeuralNetworksMemory_copy(memories_.one(bytes_), memories_.one(bytes_));
        return;
      case 18:
        return look();
      case 19:
        return free_any();
    }
  }

  Bytes& bytes_;
  uint32_t dims_[2] = {};
  ANeuralNetworksOperandType type_{};
  std::vector<std::unique_ptr<std::vector<char>>> buffers_;
  // What others are made of is released after them; events first, which wait for what computes.
  Handles<ANeuralNetworksModel, ANeuralNetworksModel_free> models_;
  Handles<ANeuralNetworksCompilation, ANeuralNetworksCompilation_free> compilations_;
  Handles<ANeuralNetworksMemoryDesc, ANeuralNetworksMemoryDesc_free> descriptors_;
  Handles<ANeuralNetworksMemory, ANeuralNetworksMemory_free> memories_;
  Handles<ANeuralNetworksExecution, ANeuralNetworksExecution_free> executions_;
  Handles<ANeuralNetworksBurst, ANeuralNetworksBurst_free> bursts_;
  Handles<ANeuralNetworksEvent, ANeuralNetworksEvent_free> events_;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  setenv("NNAPI_HOST_LOG", "0", 1);
  setenv("NNAPI_NUM_THREADS", "2", 1);
  char folder[] = "/tmp/fuzzed_cache_XXXXXX";
  if (mkdtemp(folder) == nullptr) std::abort();
  cache_folder() = folder;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes bytes(data, size);
  Calls(bytes).run();
  return 0;
}
