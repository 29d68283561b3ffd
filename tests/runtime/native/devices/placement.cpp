// Lists of devices, what they take, and where operations go.
#include <cstring>

#include "simulated.h"

namespace devices {
namespace {

std::string name_at(uint32_t index) {
  const char* name = nullptr;
  ANeuralNetworksDevice_getName(device_at(index), &name);
  return name == nullptr ? "" : name;
}

std::vector<bool> supported(const Model& model, const Dims& indices, uint32_t operations) {
  std::vector<const ANeuralNetworksDevice*> asked;
  for (uint32_t index : indices) asked.push_back(device_at(index));
  std::vector<char> answers(operations);
  static_assert(sizeof(bool) == 1);
  EXPECT(ANeuralNetworksModel_getSupportedOperationsForDevices(
             model, asked.data(), static_cast<uint32_t>(asked.size()),
             reinterpret_cast<bool*>(answers.data())),
         kOk);
  return {answers.begin(), answers.end()};
}

// Devices and parts of a compilation's three operations.
std::vector<uint32_t> placed(const Compilation& compilation) {
  std::vector<uint32_t> both(6);
  EXPECT(nnapi_host_compilation_get_placement(compilation, both.data(), both.data() + 3, 3), kOk);
  return both;
}

// softmax(x), of a rank and perhaps with an axis.
class Softmax : public Model {
 public:
  Softmax(const Dims& dims, bool with_axis) {
    const uint32_t x = operand(f32(dims)), beta = operand({ANEURALNETWORKS_FLOAT32});
    const float one = 1;
    ANeuralNetworksModel_setOperandValue(*this, static_cast<int32_t>(beta), &one, 4);
    Dims inputs{x, beta};
    if (with_axis) inputs.push_back(scalar(-1));
    const uint32_t out = operand(f32(dims));
    operation(ANEURALNETWORKS_SOFTMAX, inputs, {out});
    identify({x}, {out});
    finish();
  }
};

// if (flag) a + b else a * b
class Branches {
 public:
  Branches() : then_(one(ANEURALNETWORKS_ADD)), other_(one(ANEURALNETWORKS_MUL)) {
    const uint32_t flag = whole_.operand({ANEURALNETWORKS_TENSOR_BOOL8, {1}});
    const uint32_t yes = whole_.operand({ANEURALNETWORKS_MODEL});
    const uint32_t no = whole_.operand({ANEURALNETWORKS_MODEL});
    ANeuralNetworksModel_setOperandValueFromModel(whole_, static_cast<int32_t>(yes), then_);
    ANeuralNetworksModel_setOperandValueFromModel(whole_, static_cast<int32_t>(no), other_);
    const uint32_t a = whole_.operand(f32({2})), b = whole_.operand(f32({2}));
    const uint32_t out = whole_.operand(f32({2}));
    whole_.operation(ANEURALNETWORKS_IF, {flag, yes, no, a, b}, {out});
    whole_.identify({flag, a, b}, {out});
    EXPECT(whole_.finish(), kOk);
  }
  const Model& whole() const { return whole_; }

 private:
  static Model one(int32_t code) {
    Model model;
    const uint32_t a = model.operand(f32({2})), b = model.operand(f32({2}));
    const uint32_t none = model.scalar(0), out = model.operand(f32({2}));
    model.operation(code, {a, b, none}, {out});
    model.identify({a, b}, {out});
    EXPECT(model.finish(), kOk);
    return model;
  }
  Model then_, other_, whole_;
};

}  // namespace

void check_lists() {
  uint32_t count = 0;
  EXPECT(ANeuralNetworks_getDeviceCount(&count), kOk);
  EXPECT_THAT(count == 1 && name_at(0) == "torch-nnapi-host");
  ANeuralNetworksDevice* before = device_at(0);
  {
    const Devices few(
        R"({"name": "npu", "type": "accelerator", "version": "2.1", "feature_level": 29},
           {"name": "gpu", "type": "gpu"}, {"name": "dsp", "type": "other"},
           {"name": "x", "type": "unknown", "feature_level": 1000006}, {"name": "c", "type": "cpu"})");
    EXPECT(few.result(), kOk);
    EXPECT(ANeuralNetworks_getDeviceCount(&count), kOk);
    EXPECT_THAT(count == 6);
    const char* names[] = {"npu", "gpu", "dsp", "x", "c", "torch-nnapi-host"};
    const int32_t types[] = {4, 3, 1, 0, 2, 2};
    const int64_t levels[] = {29, 1000008, 1000008, 1000006, 1000008, 1000008};
    for (uint32_t i = 0; i < count; ++i) {
      EXPECT_THAT(name_at(i) == names[i]);
      int32_t type = -1;
      int64_t level = 0;
      const char* version = nullptr;
      EXPECT(ANeuralNetworksDevice_getType(device_at(i), &type), kOk);
      EXPECT(ANeuralNetworksDevice_getFeatureLevel(device_at(i), &level), kOk);
      EXPECT(ANeuralNetworksDevice_getVersion(device_at(i), &version), kOk);
      EXPECT(ANeuralNetworksDevice_wait(device_at(i)), kOk);
      EXPECT_THAT(type == types[i] && level == levels[i]);
      EXPECT_THAT(std::strcmp(version, i == 0 ? "2.1" : "1.0") == 0);
    }
    ANeuralNetworksDevice* none = nullptr;
    EXPECT(ANeuralNetworks_getDevice(6, &none), kBadData);
    int32_t type;
    EXPECT(ANeuralNetworksDevice_getType(before, &type), kBadData);  // of another list
    before = device_at(0);
  }
  EXPECT(ANeuralNetworks_getDeviceCount(&count), kOk);
  EXPECT_THAT(count == 1);
  int32_t type;
  EXPECT(ANeuralNetworksDevice_getType(before, &type), kBadData);

  const Devices wrong(R"({"name": "npu"})");  // no type
  EXPECT(wrong.result(), kBadData);
  EXPECT_THAT(std::strstr(nnapi_host_last_error(), "file.devices[0] lacks 'type'") != nullptr);
  EXPECT(ANeuralNetworks_getDeviceCount(&count), kBadData);
  Sum sum({2});
  EXPECT(sum.finished(), kOk);
  ANeuralNetworksCompilation* compilation = nullptr;
  EXPECT(ANeuralNetworksCompilation_create(sum, &compilation), kBadData);
  EXPECT_THAT(std::strstr(nnapi_host_last_error(), "lacks 'type'") != nullptr);
}

void check_support() {
  const Devices few(device_of("one", {"ADD", "SUB"}) + ", " + device_of("two", {"MUL", "IF"}) +
                    R"(, {"name": "old", "type": "gpu", "feature_level": 27},
                       {"name": "28", "type": "gpu", "feature_level": 28})");
  const Mixed model;
  using Answers = std::vector<bool>;
  EXPECT_THAT((supported(model, {0}, 3) == Answers{true, false, true}));
  EXPECT_THAT((supported(model, {1}, 3) == Answers{false, true, false}));
  EXPECT_THAT((supported(model, {1, 0}, 3) == Answers{true, true, true}));
  EXPECT_THAT((supported(model, {2}, 3) == Answers{true, true, false}));  // SUB is of 28
  EXPECT_THAT((supported(model, {4}, 3) == Answers{true, true, true}));
  Sum bytes(q8({2}), q8({2}), q8({2}));
  EXPECT_THAT((supported(bytes, {0}, 1) == Answers{false}));  // the profile has it of float32
  EXPECT_THAT((supported(bytes, {2}, 1) == Answers{true}));
  // Forms of an operation that are younger than itself.
  EXPECT_THAT((supported(Softmax({2, 3}, false), {3}, 1) == Answers{true}));
  EXPECT_THAT((supported(Softmax({2, 3, 4}, false), {3}, 1) == Answers{false}));
  EXPECT_THAT((supported(Softmax({2, 3}, true), {3}, 1) == Answers{false}));
  EXPECT_THAT((supported(Softmax({2, 3, 4}, true), {4}, 1) == Answers{true}));
  // Control flow, with what is in its models.
  const Branches branches;
  EXPECT_THAT((supported(branches.whole(), {1}, 1) == Answers{false}));
  EXPECT_THAT((supported(branches.whole(), {4}, 1) == Answers{true}));
}

void check_placement() {
  const Devices few(device_of("one", {"ADD", "SUB"}) + ", " + device_of("two", {"ADD", "MUL"}));
  const Mixed model;
  using List = std::vector<uint32_t>;
  {
    const Compilation all = compiled_for(model, {});
    EXPECT_THAT((placed(all) == List{0, 1, 0, 0, 1, 2}));
    Run run(all);
    EXPECT(run.compute(), kOk);
    EXPECT_THAT(run.is_mixed());
    uint32_t room[2];
    EXPECT(nnapi_host_compilation_get_placement(all, room, room, 2), kBadData);
  }
  const Compilation both = compiled_for(model, {2, 1});
  EXPECT_THAT((placed(both) == List{1, 1, 2, 0, 0, 1}));  // the CPU is asked last
  Run run(both);
  EXPECT(run.compute(), kOk);
  EXPECT_THAT(run.is_mixed());
  EXPECT_THAT((placed(compiled_for(model, {2})) == List{2, 2, 2, 0, 0, 0}));
  const Compilation without = compilation_for(model, {0});
  EXPECT(ANeuralNetworksCompilation_finish(without), kBadData);  // nobody multiplies
  EXPECT_THAT(std::strstr(nnapi_host_last_error(),
                          "operation 1 (MUL): no device takes it (one: it "
                          "is not in the device's profile)") != nullptr);
  const ANeuralNetworksDevice* twice[] = {device_at(0), device_at(0)};
  ANeuralNetworksCompilation* none = nullptr;
  EXPECT(ANeuralNetworksCompilation_createForDevices(model, twice, 2, &none), kBadData);
  // Compilations keep the devices that they were made for.
  Compilation kept;
  {
    const Devices others(device_of("three", {"ADD", "MUL", "SUB"}));
    kept = compiled_for(model, {0});
  }
  Run later(kept);
  EXPECT(later.compute(), kOk);
  EXPECT_THAT(later.is_mixed());
}

}  // namespace devices
