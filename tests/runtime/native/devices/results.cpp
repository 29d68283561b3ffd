// Wrong results, settings that need one device, and memories that belong to devices.
#include <cmath>
#include <filesystem>

#include "simulated.h"

namespace devices {
namespace {

namespace fs = std::filesystem;

std::string wrong_in(const char* operation, int steps) {
  return faulty(R"({"kind": "wrong", "operation": ")" + std::string(operation) + R"(", "steps": )" +
                std::to_string(steps) + "}");
}

// What a sum of bytes gives on the bad device.
std::vector<uint8_t> sum_of_bytes(const std::vector<uint8_t>& a, int32_t type, int32_t zero_point) {
  const Kind kind{type, {3}, 1.0f, zero_point};
  Sum sum(kind, kind, kind);
  const std::vector<uint8_t> b(3, static_cast<uint8_t>(zero_point));
  std::vector<uint8_t> out(3);
  const Execution run = execution(compiled_for(sum, {0}));
  ANeuralNetworksExecution_setInput(run, 0, nullptr, a.data(), 3);
  ANeuralNetworksExecution_setInput(run, 1, nullptr, b.data(), 3);
  ANeuralNetworksExecution_setOutput(run, 0, nullptr, out.data(), 3);
  EXPECT(ANeuralNetworksExecution_compute(run), kOk);
  return out;
}

size_t files_in(const fs::path& folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// A fully connected layer, whose weights are packed, and so cached.
class Layer : public Model {
 public:
  Layer() : weights_(64 * 64, 0.5f), bias_(64, 0.0f) {
    const uint32_t x = operand(f32({1, 64}));
    const uint32_t weights = operand(f32({64, 64})), bias = operand(f32({64}));
    ANeuralNetworksModel_setOperandValue(*this, 1, weights_.data(), weights_.size() * 4);
    ANeuralNetworksModel_setOperandValue(*this, 2, bias_.data(), bias_.size() * 4);
    const uint32_t none = scalar(0), out = operand(f32({1, 64}));
    operation(ANEURALNETWORKS_FULLY_CONNECTED, {x, weights, bias, none}, {out});
    identify({x}, {out});
    EXPECT(finish(), kOk);
  }

 private:
  std::vector<float> weights_, bias_;
};

void compile_cached(const Model& model, uint32_t index, const fs::path& folder) {
  const uint8_t token[ANEURALNETWORKS_BYTE_SIZE_OF_CACHE_TOKEN] = {1, 2, 3};
  const Compilation compilation = compilation_for(model, {index});
  EXPECT(ANeuralNetworksCompilation_setCaching(compilation, folder.c_str(), token), kOk);
  EXPECT(ANeuralNetworksCompilation_finish(compilation), kOk);
}

void check_durations() {
  const char* measured[] = {"none", "driver", "both"};
  Sum sum({2});
  for (int i = 0; i < 3; ++i) {
    const Devices one(faulty(R"({"kind": "hang", "seconds": 0.05})",
                             R"("durations": ")" + std::string(measured[i]) + "\""));
    Run run(compiled_for(sum, {0}));
    EXPECT(ANeuralNetworksExecution_setMeasureTiming(run.execution, true), kOk);
    EXPECT(run.compute(), kOk);
    uint64_t hardware = 0, driver = 0, fenced = 0;
    EXPECT(ANeuralNetworksExecution_getDuration(run.execution, 0, &hardware), kOk);
    EXPECT(ANeuralNetworksExecution_getDuration(run.execution, 1, &driver), kOk);
    EXPECT(ANeuralNetworksExecution_getDuration(run.execution, 3, &fenced), kOk);
    EXPECT_THAT((hardware == UINT64_MAX) == (i < 2) && (driver == UINT64_MAX) == (i < 1));
    EXPECT_THAT(fenced == driver);
    EXPECT_THAT(i < 1 || driver >= 50'000'000);
    EXPECT_THAT(i < 2 || hardware < driver);
  }
}

}  // namespace

void check_wrong_results() {
  {
    const Devices bad(wrong_in("ADD", 3));
    EXPECT_THAT((sum_of_bytes({0, 100, 254}, ANEURALNETWORKS_TENSOR_QUANT8_ASYMM, 0) ==
                 std::vector<uint8_t>{3, 103, 255}));
    EXPECT_THAT((sum_of_bytes({0x80, 0, 0x7e}, ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED, 0) ==
                 std::vector<uint8_t>{0x83, 3, 0x7f}));
    // In the middle of operations that would be computed together otherwise; alone, and among
    // parts.
    for (const Dims& devices : {Dims{0}, Dims{}}) {
      Run run(compiled_for(Mixed(), devices));
      EXPECT(run.compute(), kOk);
      for (size_t i = 0; i < 2; ++i) {
        const float sum = run.a[i] + run.b[i] + 3 * 6 / 256.0f;
        EXPECT_THAT(std::fabs(run.out[i] - (sum * run.b[i] - run.a[i])) < 1e-5f);
      }
    }
    Run right(compiled_for(Mixed(), {1}));
    EXPECT(right.compute(), kOk);
    EXPECT_THAT(right.is_mixed());
    // Sizes that are known at run time only.
    Sum open(f32({0}), f32({0}), f32({0}));
    Execution run = execution(compiled_for(open, {0}));
    const Kind two = f32({2});
    const std::vector<float> a{1, 2}, b{3, 4};
    std::vector<float> out(2);
    set_input(run, 0, a, &two);
    set_input(run, 1, b, &two);
    set_output(run, 0, out, &two);
    EXPECT(ANeuralNetworksExecution_compute(run), kOk);
    EXPECT_THAT(std::fabs(out[0] - 4 - 18 / 256.0f) < 1e-5f);
  }
  const Devices bad(wrong_in("MUL", -300));
  Run other(compiled_for(Sum({2}), {0}));
  EXPECT(other.compute(), kOk);
  EXPECT_THAT(other.is_sum());  // it is wrong in another operation
  // Whoever computes in the place of a device that fails is right.
  const Devices both(
      faulty(R"({"kind": "wrong", "operation": "ADD", "steps": 9}, {"kind": "error"})"));
  Run instead(compiled_for(Sum({2}), {}));
  EXPECT(instead.compute(), kOk);
  EXPECT_THAT(instead.is_sum());
}

void check_settings() {
  check_durations();
  const Devices two(device_of("one", {"ADD", "FULLY_CONNECTED"}) + ", " +
                    device_of("two", {"ADD", "FULLY_CONNECTED"}) + ", " +
                    device_of("three", {"FULLY_CONNECTED"}, "\"caching\": false"));
  Sum sum({2});
  // Time is measured and limited on one device that was chosen.
  for (const Dims& devices : {Dims{}, Dims{0, 1}, Dims{0}}) {
    const int wanted = devices.size() == 1 ? kOk : kBadData;
    const Compilation compilation = compilation_for(sum, devices);
    EXPECT(ANeuralNetworksCompilation_setTimeout(compilation, 1'000'000'000), wanted);
    EXPECT(ANeuralNetworksCompilation_finish(compilation), kOk);
    Run run(compilation);
    EXPECT(ANeuralNetworksExecution_setTimeout(run.execution, 1'000'000'000), wanted);
    EXPECT(ANeuralNetworksExecution_setMeasureTiming(run.execution, true), wanted);
    Event event;
    EXPECT(ANeuralNetworksExecution_startComputeWithDependencies(run.execution, nullptr, 0,
                                                                 1'000'000'000, event.out()),
           wanted);
  }
  const fs::path folder = fs::temp_directory_path() / ("cache." + std::to_string(getpid()));
  fs::create_directory(folder);
  const Layer layer;
  const size_t counts[] = {1, 2, 2, 3};  // a file for each device that caches
  for (uint32_t i = 0; i < 4; ++i)
    for (int again = 0; again < 2; ++again) {
      compile_cached(layer, i, folder);
      EXPECT_THAT(files_in(folder) == counts[i]);
    }
  fs::remove_all(folder);
}

void check_device_memories() {
  const Devices few(device_of("one", {"ADD"}) + ", " + device_of("two", {"ADD"}) + ", " +
                    device_of("three", {"ADD"}, "\"memories\": false"));
  Sum open(f32({0}), f32({0}), f32({0})), known({2});
  const auto memory_for = [](const Sum& from, const Dims& writes, const Sum& to, const Dims& reads,
                             Memory& memory) {
    const Compilation writer = compiled_for(from, writes), reader = compiled_for(to, reads);
    Descriptor descriptor;
    EXPECT(ANeuralNetworksMemoryDesc_create(descriptor.out()), kOk);
    EXPECT(ANeuralNetworksMemoryDesc_addOutputRole(descriptor, writer, 0, 1.0f), kOk);
    EXPECT(ANeuralNetworksMemoryDesc_addInputRole(descriptor, reader, 0, 1.0f), kOk);
    EXPECT(ANeuralNetworksMemoryDesc_finish(descriptor), kOk);
    return ANeuralNetworksMemory_createFromDesc(descriptor, memory.out());
  };
  for (uint32_t writer = 0; writer < 4; ++writer)
    for (uint32_t reader = 0; reader < 4; ++reader) {
      Memory memory, sized;
      const bool own = writer == reader && writer != 2;
      EXPECT(memory_for(open, {writer}, open, {reader}, memory), own ? kOk : kFailed);
      EXPECT(memory_for(known, {writer}, known, {reader}, sized), kOk);
    }
  // From one device to the next.
  const Compilation first = compiled_for(known, {0}), second = compiled_for(known, {1});
  Descriptor descriptor;
  ANeuralNetworksMemoryDesc_create(descriptor.out());
  ANeuralNetworksMemoryDesc_addOutputRole(descriptor, first, 0, 1.0f);
  ANeuralNetworksMemoryDesc_addInputRole(descriptor, second, 0, 1.0f);
  ANeuralNetworksMemoryDesc_finish(descriptor);
  Memory between;
  EXPECT(ANeuralNetworksMemory_createFromDesc(descriptor, between.out()), kOk);
  const std::vector<float> a{1, 2}, b{3, 4};
  std::vector<float> out(2);
  Execution write = execution(first), read = execution(second);
  set_input(write, 0, a);
  set_input(write, 1, b);
  EXPECT(ANeuralNetworksExecution_setOutputFromMemory(write, 0, nullptr, between, 0, 0), kOk);
  EXPECT(ANeuralNetworksExecution_setInputFromMemory(read, 0, nullptr, between, 0, 0), kOk);
  set_input(read, 1, b);
  set_output(read, 0, out);
  EXPECT(ANeuralNetworksExecution_compute(write), kOk);
  EXPECT(ANeuralNetworksExecution_compute(read), kOk);
  EXPECT_THAT((out == std::vector<float>{7, 10}));
}

}  // namespace devices
