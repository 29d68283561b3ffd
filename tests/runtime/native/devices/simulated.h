// Devices of a file, for as long as a check needs them, and models whose operations differ.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "../contract/objects.h"
#include "nnapi/host_extras.h"

namespace devices {

using namespace contract;  // NOLINT: its words are ours

// The devices are those of the text, until the end.
class Devices {
 public:
  explicit Devices(const std::string& list) {
    std::ofstream(path_) << "{\"devices\": [" << list << "]}";
    result_ = nnapi_host_set_devices(path_.c_str());
  }
  ~Devices() {
    std::remove(path_.c_str());
    nnapi_host_set_devices(nullptr);
  }
  Devices(const Devices&) = delete;
  int result() const { return result_; }

 private:
  std::string path_ = "/tmp/devices." + std::to_string(getpid()) + ".json";
  int result_;
};

inline ANeuralNetworksDevice* device_at(uint32_t index) {
  ANeuralNetworksDevice* found = nullptr;
  ANeuralNetworks_getDevice(index, &found);
  return found;
}

// {"name": NAME, "type": "accelerator", "profile": …, MORE}; operations by name, of float32.
inline std::string device_of(const std::string& name, const std::vector<std::string>& operations,
                             const std::string& more = "") {
  std::string taken;
  for (const std::string& operation : operations)
    taken += (taken.empty() ? "\"" : ", \"") + operation + "\": [\"TENSOR_FLOAT32\"]";
  return "{\"name\": \"" + name +
         "\", \"type\": \"accelerator\", \"profile\": {\"name\": \"p\", \"feature_level\": 30, "
         "\"operations\": {" +
         taken + "}}" + (more.empty() ? "" : ", ") + more + "}";
}

// A device that takes everything, with one fault.
inline std::string faulty(const std::string& fault, const std::string& more = "") {
  return "{\"name\": \"bad\", \"type\": \"gpu\", \"faults\": [" + fault + "]" +
         (more.empty() ? "" : ", ") + more + "}";
}

// ((a + b) * b) - a
class Mixed : public Model {
 public:
  explicit Mixed(const Dims& dims = {2}) {
    const uint32_t a = operand(f32(dims)), b = operand(f32(dims)), none = scalar(0);
    const uint32_t sum = operand(f32(dims)), product = operand(f32(dims)), out = operand(f32(dims));
    operation(ANEURALNETWORKS_ADD, {a, b, none}, {sum});
    operation(ANEURALNETWORKS_MUL, {sum, b, none}, {product});
    operation(ANEURALNETWORKS_SUB, {product, a, none}, {out});
    identify({a, b}, {out});
    finish();
  }
};

// Not finished. No devices: all of them.
inline Compilation compilation_for(const Model& model, const Dims& indices) {
  Compilation compilation;
  if (indices.empty()) {
    ANeuralNetworksCompilation_create(model, compilation.out());
    return compilation;
  }
  std::vector<const ANeuralNetworksDevice*> chosen;
  for (uint32_t index : indices) chosen.push_back(device_at(index));
  ANeuralNetworksCompilation_createForDevices(
      model, chosen.data(), static_cast<uint32_t>(chosen.size()), compilation.out());
  return compilation;
}

inline Compilation compiled_for(const Model& model, const Dims& indices) {
  Compilation compilation = compilation_for(model, indices);
  EXPECT(ANeuralNetworksCompilation_finish(compilation), kOk);
  return compilation;
}

// One run of a Mixed or a Sum of two elements.
struct Run {
  explicit Run(const Compilation& compilation) : execution(contract::execution(compilation)) {
    set_input(execution, 0, a);
    set_input(execution, 1, b);
    set_output(execution, 0, out);
  }
  int compute() { return ANeuralNetworksExecution_compute(execution); }
  bool is_mixed() const { return out == std::vector<float>{11, 22}; }
  bool is_sum() const { return out == std::vector<float>{4, 6}; }

  std::vector<float> a{1, 2}, b{3, 4}, out{0, 0};
  Execution execution;
};

void check_lists();
void check_support();
void check_placement();
void check_faults();
void check_wrong_results();
void check_settings();
void check_device_memories();

}  // namespace devices
