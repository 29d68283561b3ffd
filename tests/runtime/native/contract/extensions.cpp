// A vendor's extension of our own: complex numbers, with an operation that scales them by a factor
// and one that keeps the positive ones of a list, of which nobody knows how many there are.
#include "nnapi/host_extension.h"

#include <cmath>
#include <cstring>
#include <string>
#include <thread>

#include "nnapi/host_extras.h"
#include "objects.h"

namespace contract {
namespace {

constexpr const char* kName = "com.example.complex";
enum TypeWithin : uint16_t { kComplex = 0, kRounding = 7 };
enum OperationWithin : uint16_t { kScale = 0, kPositive = 3, kSilent = 4 };

int g_prepared = 0, g_released = 0, g_user_data = 0;

nnapi_host_operand input(const nnapi_host_node* node, uint32_t index) {
  nnapi_host_operand operand{};
  nnapi_host_node_input(node, index, &operand);
  return operand;
}

nnapi_host_operand output(const nnapi_host_node* node, uint32_t index) {
  nnapi_host_operand operand{};
  nnapi_host_node_output(node, index, &operand);
  return operand;
}

// ---- SCALE: complex numbers times a factor, which the tensor's extension data multiplies again

int infer_scale(nnapi_host_node* node, void* user_data) {
  if (user_data != &g_user_data)
    return nnapi_host_node_fail(node, kBadData, "these are not the extension's data");
  if (nnapi_host_node_input_count(node) != 2 || nnapi_host_node_output_count(node) != 1)
    return nnapi_host_node_fail(node, kBadData, "takes two inputs and gives one output");
  const nnapi_host_operand numbers = input(node, 0), factor = input(node, 1);
  if (factor.type != ANEURALNETWORKS_FLOAT32)
    return nnapi_host_node_fail(node, kBadData, "the factor is a FLOAT32");
  return nnapi_host_node_set_output_dimensions(node, 0, numbers.rank, numbers.dimensions);
}

int prepare_scale(nnapi_host_node* node, void*, void** prepared) {
  ++g_prepared;
  *prepared = new float(*static_cast<const float*>(input(node, 1).data));
  return kOk;
}

void release_scale(void* prepared, void*) {
  ++g_released;
  delete static_cast<float*>(prepared);
}

int run_scale(nnapi_host_node* node, void*, void* prepared) {
  const nnapi_host_operand numbers = input(node, 0), result = output(node, 0);
  float factor =
      prepared ? *static_cast<float*>(prepared) : *static_cast<const float*>(input(node, 1).data);
  if (numbers.extension_data_length == 4) {
    float more;
    std::memcpy(&more, numbers.extension_data, 4);
    factor *= more;
  }
  if (numbers.bytes != result.bytes) return nnapi_host_node_fail(node, kFailed, "other sizes");
  for (size_t i = 0; i < numbers.bytes / 4; ++i)
    static_cast<float*>(result.data)[i] = static_cast<const float*>(numbers.data)[i] * factor;
  return kOk;
}

// ---- POSITIVE: how many there are is known with the values alone

uint32_t count_positive(const nnapi_host_operand& list) {
  uint32_t count = 0;
  for (size_t i = 0; i < list.bytes / 4; ++i) count += static_cast<float*>(list.data)[i] > 0;
  return count;
}

int infer_positive(nnapi_host_node* node, void*) {
  const nnapi_host_operand list = input(node, 0);
  if (list.data == nullptr) return NNAPI_HOST_INFER_LATER;
  const uint32_t count = count_positive(list);
  return nnapi_host_node_set_output_dimensions(node, 0, 1, &count);
}

int run_positive(nnapi_host_node* node, void*, void*) {
  const nnapi_host_operand list = input(node, 0), result = output(node, 0);
  auto* target = static_cast<float*>(result.data);
  for (size_t i = 0; i < list.bytes / 4; ++i)
    if (const float x = static_cast<float*>(list.data)[i]; x > 0) *target++ = x;
  return kOk;
}

// ---- SILENT: fails without a word

int infer_silent(nnapi_host_node* node, void*) {
  const nnapi_host_operand list = input(node, 0);
  return nnapi_host_node_set_output_dimensions(node, 0, list.rank, list.dimensions);
}
int run_silent(nnapi_host_node*, void*, void*) { return NNAPI_HOST_INFER_LATER; }

void check_registering() {
  const nnapi_host_extension_operand_type types[] = {{kComplex, "COMPLEX64", true, 8},
                                                     {kRounding, "ROUNDING", false, 3}};
  const nnapi_host_extension_operation operations[] = {
      {kScale, "SCALE", infer_scale, prepare_scale, release_scale, run_scale},
      {kPositive, "POSITIVE", infer_positive, nullptr, nullptr, run_positive},
      {kSilent, "SILENT", infer_silent, nullptr, nullptr, run_silent}};
  const nnapi_host_extension good{kName, 2, types, 3, operations, &g_user_data};

  EXPECT(nnapi_host_register_extension(nullptr), kNull);
  nnapi_host_extension bad = good;
  bad.name = nullptr;
  EXPECT(nnapi_host_register_extension(&bad), kNull);
  for (const char* name : {"", "Com.Example", "com example", ".com", "com."}) {
    bad.name = name;
    EXPECT(nnapi_host_register_extension(&bad), kBadData);
  }
  bad = good;
  bad.operand_types = nullptr;
  EXPECT(nnapi_host_register_extension(&bad), kNull);
  bad = good;
  bad.operations = nullptr;
  EXPECT(nnapi_host_register_extension(&bad), kNull);
  const auto with_type = [&](nnapi_host_extension_operand_type changed) {
    const nnapi_host_extension_operand_type changed_types[] = {types[0], changed};
    bad = good;
    bad.operand_types = changed_types;
    return nnapi_host_register_extension(&bad);
  };
  EXPECT(with_type({kComplex, "TWICE", true, 8}), kBadData);
  EXPECT(with_type({1, "EMPTY", true, 0}), kBadData);
  EXPECT(with_type({1, nullptr, true, 1}), kNull);
  const auto with_operation = [&](nnapi_host_extension_operation changed) {
    const nnapi_host_extension_operation changed_operations[] = {operations[0], changed};
    bad = good;
    bad.operation_count = 2;
    bad.operations = changed_operations;
    return nnapi_host_register_extension(&bad);
  };
  EXPECT(with_operation({kScale, "TWICE", infer_scale, nullptr, nullptr, run_scale}), kBadData);
  EXPECT(with_operation({1, nullptr, infer_scale, nullptr, nullptr, run_scale}), kNull);
  EXPECT(with_operation({1, "A", nullptr, nullptr, nullptr, run_scale}), kNull);
  EXPECT(with_operation({1, "A", infer_scale, nullptr, nullptr, nullptr}), kNull);
  EXPECT(with_operation({1, "A", infer_scale, prepare_scale, nullptr, run_scale}), kBadData);
  EXPECT(with_operation({1, "A", infer_scale, nullptr, release_scale, run_scale}), kBadData);

  bool supported = true;
  EXPECT(ANeuralNetworksDevice_getExtensionSupport(device(), kName, &supported), kOk);
  EXPECT_THAT(!supported);  // nothing of what was refused is left
  EXPECT(nnapi_host_register_extension(&good), kOk);
  EXPECT(nnapi_host_register_extension(&good), kBadData);
  EXPECT(ANeuralNetworksDevice_getExtensionSupport(device(), kName, &supported), kOk);
  EXPECT_THAT(supported);
}

// A model of one operation of the extension on a tensor.
class Vendor : public Model {
 public:
  int32_t type(TypeWithin within) {
    int32_t code = 0;
    EXPECT(ANeuralNetworksModel_getExtensionOperandType(*this, kName, within, &code), kOk);
    return code;
  }
  int32_t code(OperationWithin within) {
    ANeuralNetworksOperationType code = 0;
    EXPECT(ANeuralNetworksModel_getExtensionOperationType(*this, kName, within, &code), kOk);
    return code;
  }
};

// Complex numbers [n], times 2; with a further factor where it is not 0.
int build_scale(Vendor& model, const Dims& dims, float more = 0.0f) {
  const Kind complex{model.type(kComplex), dims};
  const uint32_t numbers = model.operand(complex),
                 factor = model.operand({ANEURALNETWORKS_FLOAT32});
  const float two = 2.0f;
  ANeuralNetworksModel_setOperandValue(model, static_cast<int32_t>(factor), &two, 4);
  if (more != 0.0f)
    EXPECT(ANeuralNetworksModel_setOperandExtensionData(model, static_cast<int32_t>(numbers), &more,
                                                        4),
           kOk);
  const uint32_t scaled = model.operand(complex);
  EXPECT(model.operation(model.code(kScale), {numbers, factor}, {scaled}), kOk);
  EXPECT(model.identify({numbers}, {scaled}), kOk);
  return model.finish();
}

void check_building() {
  Vendor model;
  int32_t code = 0;
  EXPECT(ANeuralNetworksModel_getExtensionOperandType(model, "com.other", 0, &code), kBadData);
  EXPECT(ANeuralNetworksModel_getExtensionOperationType(model, "com.other", 0, &code), kBadData);
  // A code that the extension does not have is found when it is used.
  const int32_t unknown = model.type(static_cast<TypeWithin>(99));
  EXPECT(model.add({unknown, {2}}), kBadData);
  EXPECT_THAT(std::string(nnapi_host_last_error()).find("unknown operand type") !=
              std::string::npos);
  EXPECT(model.add({model.type(kComplex), {2}, 0.5f}), kBadData);     // it has no scale,
  EXPECT(model.add({model.type(kComplex), {2}, 0.0f, 1}), kBadData);  // and no zero point
  EXPECT(model.add({model.type(kRounding), {2}}), kBadData);          // a scalar has no dimensions
  const auto complex = static_cast<int32_t>(model.operand({model.type(kComplex), {2}}));
  const auto rounding = static_cast<int32_t>(model.operand({model.type(kRounding)}));
  const auto plain = static_cast<int32_t>(model.operand(f32({2})));
  const uint8_t bytes[16] = {};
  EXPECT(ANeuralNetworksModel_setOperandValue(model, complex, bytes, 15), kBadData);
  EXPECT(ANeuralNetworksModel_setOperandValue(model, complex, bytes, 16), kOk);
  EXPECT(ANeuralNetworksModel_setOperandValue(model, rounding, bytes, 4), kBadData);
  EXPECT(ANeuralNetworksModel_setOperandValue(model, rounding, bytes, 3), kOk);
  EXPECT(ANeuralNetworksModel_setOperandExtensionData(model, plain, bytes, 1), kBadData);
  EXPECT(ANeuralNetworksModel_setOperandExtensionData(model, 99, bytes, 1), kBadData);
  EXPECT(ANeuralNetworksModel_setOperandExtensionData(model, complex, nullptr, 1), kNull);
  EXPECT(ANeuralNetworksModel_setOperandExtensionData(model, complex, bytes, 16), kOk);
  EXPECT(ANeuralNetworksModel_setOperandExtensionData(model, complex, nullptr, 0), kOk);
  const auto first = static_cast<uint32_t>(complex), second = static_cast<uint32_t>(plain);
  EXPECT(model.operation(model.code(static_cast<OperationWithin>(99)), {first}, {second}),
         kBadData);
  EXPECT(model.operation(ANEURALNETWORKS_RELU, {first}, {second}), kBadData);

  Vendor finished;
  EXPECT(build_scale(finished, {2}), kOk);
  EXPECT(ANeuralNetworksModel_setOperandExtensionData(finished, 0, bytes, 1), kBadState);
  bool supported = false;
  const ANeuralNetworksDevice* only = device();
  EXPECT(ANeuralNetworksModel_getSupportedOperationsForDevices(finished, &only, 1, &supported),
         kOk);
  EXPECT_THAT(supported);
}

void check_scaling(const Dims& dims, float more) {
  Vendor model;
  EXPECT(build_scale(model, dims, more), kOk);
  const int before = g_prepared;
  {
    const Compilation compilation = compile(model);
    EXPECT_THAT(g_prepared - before == (dims[0] != 0));
    std::vector<std::thread> threads;
    std::vector<float> right(8, 0.0f);
    for (int number = 0; number < 8; ++number)
      threads.emplace_back([&, number] {
        Execution run = execution(compilation);
        std::vector<float> numbers(6, static_cast<float>(number)), scaled(6);
        const Kind given{model.type(kComplex), {3}};
        set_input(run, 0, numbers, &given);
        set_output(run, 0, scaled);
        const float wanted = 2.0f * static_cast<float>(number) * (more == 0.0f ? 1.0f : more);
        right[static_cast<size_t>(number)] =
            ANeuralNetworksExecution_compute(run) == kOk && scaled == std::vector<float>(6, wanted);
      });
    for (std::thread& one : threads) one.join();
    EXPECT_THAT(right == std::vector<float>(8, 1.0f));
  }
  EXPECT_THAT(g_released == g_prepared);
}

void check_unknown_sizes() {
  Vendor model;
  const uint32_t list = model.operand(f32({5})), kept = model.operand(f32({0}));
  const uint32_t doubled = model.operand(f32({0})), none = model.scalar(0);
  EXPECT(model.operation(model.code(kPositive), {list}, {kept}), kOk);
  EXPECT(model.operation(ANEURALNETWORKS_ADD, {kept, kept, none}, {doubled}), kOk);
  EXPECT(model.identify({list}, {doubled}), kOk);
  EXPECT(model.finish(), kOk);
  const Compilation compilation = compile(model);
  for (uint32_t positive = 1; positive <= 5; ++positive) {
    Execution run = execution(compilation);
    std::vector<float> numbers(5, -1.0f), result(positive);
    std::fill_n(numbers.begin(), positive, 3.0f);
    EXPECT(set_input(run, 0, numbers), kOk);
    EXPECT(set_output(run, 0, result), kOk);
    EXPECT(ANeuralNetworksExecution_compute(run), kOk);
    EXPECT_THAT(result == std::vector<float>(positive, 6.0f));
    uint32_t size = 0;
    EXPECT(ANeuralNetworksExecution_getOutputOperandDimensions(run, 0, &size), kOk);
    EXPECT_THAT(size == positive);
  }
}

void check_failures() {
  Vendor wrong;  // the factor is an integer
  const Kind complex{wrong.type(kComplex), {2}};
  const uint32_t numbers = wrong.operand(complex), factor = wrong.scalar(3);
  const uint32_t scaled = wrong.operand(complex);
  nnapi_host_model_set_strict(wrong, true);
  EXPECT(wrong.operation(wrong.code(kScale), {numbers, factor}, {scaled}), kOk);
  EXPECT(wrong.identify({numbers}, {scaled}), kOk);
  EXPECT(wrong.finish(), kBadData);
  const std::string told = nnapi_host_last_error();
  EXPECT_THAT(told.find("com.example.complex.SCALE") != std::string::npos);
  EXPECT_THAT(told.find("the factor is a FLOAT32") != std::string::npos);

  Vendor silent;
  const uint32_t list = silent.operand(f32({2})), same = silent.operand(f32({2}));
  EXPECT(silent.operation(silent.code(kSilent), {list}, {same}), kOk);
  EXPECT(silent.identify({list}, {same}), kOk);
  EXPECT(silent.finish(), kOk);
  const Compilation compilation = compile(silent);
  Execution run = execution(compilation);
  std::vector<float> values{1, 2}, result(2);
  set_input(run, 0, values);
  set_output(run, 0, result);
  EXPECT(ANeuralNetworksExecution_compute(run), kFailed);
  EXPECT_THAT(std::string(nnapi_host_last_error()).find("SILENT") != std::string::npos);
}

}  // namespace

void check_extensions() {
  check_registering();
  check_building();
  for (float more : {0.0f, 3.0f})
    for (const Dims& dims : {Dims{3}, Dims{0}}) check_scaling(dims, more);
  check_unknown_sizes();
  check_failures();
}

}  // namespace contract
