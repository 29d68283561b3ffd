// NNAPI's objects for as long as they are needed, and models that many checks use.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "check.h"

namespace contract {

using Dims = std::vector<uint32_t>;

struct Kind {
  int32_t type;
  Dims dims = {};
  float scale = 0.0f;
  int32_t zero_point = 0;

  ANeuralNetworksOperandType get() const {
    return {type, static_cast<uint32_t>(dims.size()), dims.empty() ? nullptr : dims.data(), scale,
            zero_point};
  }
};

inline Kind f32(Dims dims) { return {ANEURALNETWORKS_TENSOR_FLOAT32, std::move(dims)}; }
inline Kind i32(Dims dims) { return {ANEURALNETWORKS_TENSOR_INT32, std::move(dims)}; }
inline Kind q8(Dims dims, float scale = 1.0f, int32_t zero_point = 0) {
  return {ANEURALNETWORKS_TENSOR_QUANT8_ASYMM, std::move(dims), scale, zero_point};
}

template <class T, void (*kFree)(T*)>
class Handle {
 public:
  Handle() = default;
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Handle() { kFree(handle_); }
  operator T*() const { return handle_; }
  T** out() { return &handle_; }

 private:
  T* handle_ = nullptr;
};

using Compilation = Handle<ANeuralNetworksCompilation, ANeuralNetworksCompilation_free>;
using Execution = Handle<ANeuralNetworksExecution, ANeuralNetworksExecution_free>;
using Event = Handle<ANeuralNetworksEvent, ANeuralNetworksEvent_free>;
using Burst = Handle<ANeuralNetworksBurst, ANeuralNetworksBurst_free>;
using Memory = Handle<ANeuralNetworksMemory, ANeuralNetworksMemory_free>;
using Descriptor = Handle<ANeuralNetworksMemoryDesc, ANeuralNetworksMemoryDesc_free>;

class Model {
 public:
  Model() { ANeuralNetworksModel_create(handle_.out()); }
  operator ANeuralNetworksModel*() const { return handle_; }

  int add(const Kind& kind) {
    const ANeuralNetworksOperandType type = kind.get();
    return ANeuralNetworksModel_addOperand(handle_, &type);
  }
  // The number of the operand that is added.
  uint32_t operand(const Kind& kind) {
    add(kind);
    return next_++;
  }
  uint32_t scalar(int32_t value) {
    const uint32_t index = operand({ANEURALNETWORKS_INT32});
    ANeuralNetworksModel_setOperandValue(handle_, static_cast<int32_t>(index), &value, 4);
    return index;
  }
  int operation(int32_t code, const Dims& inputs, const Dims& outputs) {
    static const uint32_t none = 0;
    return ANeuralNetworksModel_addOperation(
        handle_, code, static_cast<uint32_t>(inputs.size()), inputs.empty() ? &none : inputs.data(),
        static_cast<uint32_t>(outputs.size()), outputs.empty() ? &none : outputs.data());
  }
  int identify(const Dims& inputs, const Dims& outputs) {
    return ANeuralNetworksModel_identifyInputsAndOutputs(
        handle_, static_cast<uint32_t>(inputs.size()), inputs.data(),
        static_cast<uint32_t>(outputs.size()), outputs.data());
  }
  int finish() { return ANeuralNetworksModel_finish(handle_); }

 private:
  Handle<ANeuralNetworksModel, ANeuralNetworksModel_free> handle_;
  uint32_t next_ = 0;
};

// a + b, with a fused activation.
class Sum : public Model {
 public:
  explicit Sum(const Kind& a, const Kind& b, const Kind& out, int32_t activation = 0) {
    const uint32_t first = operand(a), second = operand(b), code = scalar(activation);
    const uint32_t sum = operand(out);
    operation(ANEURALNETWORKS_ADD, {first, second, code}, {sum});
    identify({first, second}, {sum});
    finished_ = finish();
  }
  explicit Sum(const Dims& dims) : Sum(f32(dims), f32(dims), f32(dims)) {}
  int finished() const { return finished_; }

 private:
  int finished_;
};

inline ANeuralNetworksDevice* device() {
  ANeuralNetworksDevice* found = nullptr;
  ANeuralNetworks_getDevice(0, &found);
  return found;
}

// Finished. By createForDevices if some settings are to be allowed.
inline Compilation compile(const Model& model, bool for_device = false) {
  Compilation compilation;
  const ANeuralNetworksDevice* only = device();
  if (for_device)
    ANeuralNetworksCompilation_createForDevices(model, &only, 1, compilation.out());
  else
    ANeuralNetworksCompilation_create(model, compilation.out());
  ANeuralNetworksCompilation_finish(compilation);
  return compilation;
}

inline Execution execution(const Compilation& compilation) {
  Execution made;
  ANeuralNetworksExecution_create(compilation, made.out());
  return made;
}

// The values must live until the computation has ended.
inline int set_input(const Execution& run, int32_t i, const std::vector<float>& values,
                     const Kind* kind = nullptr) {
  const ANeuralNetworksOperandType type = kind ? kind->get() : ANeuralNetworksOperandType{};
  return ANeuralNetworksExecution_setInput(run, i, kind ? &type : nullptr, values.data(),
                                           values.size() * 4);
}
int set_input(const Execution&, int32_t, std::vector<float>&&, const Kind* = nullptr) = delete;
inline int set_output(const Execution& run, int32_t i, std::vector<float>& values,
                      const Kind* kind = nullptr) {
  const ANeuralNetworksOperandType type = kind ? kind->get() : ANeuralNetworksOperandType{};
  return ANeuralNetworksExecution_setOutput(run, i, kind ? &type : nullptr, values.data(),
                                            values.size() * 4);
}

}  // namespace contract
