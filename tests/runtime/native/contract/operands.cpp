// Operand types and constant values: what addOperand and setOperandValue take.
#include <cmath>
#include <limits>

#include "objects.h"

namespace contract {
namespace {

// A type, an allowed scale (0: none is) and the zero points that it allows.
struct TypeRow {
  int32_t type;
  bool tensor;
  float scale;
  int32_t low, high;
  uint32_t bytes;
};

constexpr TypeRow kTypes[] = {
    {ANEURALNETWORKS_FLOAT32, false, 0, 0, 0, 4},
    {ANEURALNETWORKS_INT32, false, 0, 0, 0, 4},
    {ANEURALNETWORKS_UINT32, false, 0, 0, 0, 4},
    {ANEURALNETWORKS_TENSOR_FLOAT32, true, 0, 0, 0, 4},
    {ANEURALNETWORKS_TENSOR_INT32, true, 0, 0, 0, 4},
    {ANEURALNETWORKS_TENSOR_QUANT8_ASYMM, true, 0.5f, 0, 255, 1},
    {ANEURALNETWORKS_BOOL, false, 0, 0, 0, 1},
    {ANEURALNETWORKS_TENSOR_QUANT16_SYMM, true, 0.5f, 0, 0, 2},
    {ANEURALNETWORKS_TENSOR_FLOAT16, true, 0, 0, 0, 2},
    {ANEURALNETWORKS_TENSOR_BOOL8, true, 0, 0, 0, 1},
    {ANEURALNETWORKS_FLOAT16, false, 0, 0, 0, 2},
    {ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL, true, 0, 0, 0, 1},
    {ANEURALNETWORKS_TENSOR_QUANT16_ASYMM, true, 0.5f, 0, 65535, 2},
    {ANEURALNETWORKS_TENSOR_QUANT8_SYMM, true, 0.5f, 0, 0, 1},
    {ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED, true, 0.5f, -128, 127, 1},
};

Kind kind_of(const TypeRow& row) {
  return {row.type, row.tensor ? Dims{2, 3} : Dims{}, row.scale, row.low};
}

void check_type(const TypeRow& row) {
  Model model;
  const Kind good = kind_of(row);
  EXPECT(model.add(good), kOk);
  const auto with = [&](float scale, int32_t zero_point) {
    Kind kind = good;
    kind.scale = scale;
    kind.zero_point = zero_point;
    return model.add(kind);
  };
  if (row.type != ANEURALNETWORKS_TENSOR_INT32) {
    EXPECT(with(-0.5f, row.low), kBadData);
    EXPECT(with(row.scale == 0 ? 0.5f : 0.0f, row.low), kBadData);
  } else {
    EXPECT(with(0.5f, 0), kOk);  // the bias of a quantised operation
  }
  EXPECT(with(row.scale, row.low - 1), kBadData);
  EXPECT(with(row.scale, row.high + 1), kBadData);
  EXPECT(with(row.scale, row.high), kOk);

  const uint32_t dims[] = {2, 3};
  ANeuralNetworksOperandType type = good.get();
  type.dimensions = row.tensor ? nullptr : dims;
  EXPECT(ANeuralNetworksModel_addOperand(model, &type),
         kBadData);  // a number without a list, or so
  type.dimensionCount = row.tensor ? 0 : 2;
  EXPECT(ANeuralNetworksModel_addOperand(model, &type), row.tensor ? kOk : kBadData);
  if (!row.tensor) return;
  EXPECT(model.add({row.type, {0, 3}, row.scale, row.low}), kOk);
  EXPECT(model.add({row.type, {65536, 65536}, row.scale, row.low}), kBadData);
  EXPECT(model.add({row.type, {65536, 0, 65536}, row.scale, row.low}), kBadData);
}

void check_value(const TypeRow& row) {
  Model model;
  const auto index = static_cast<int32_t>(model.operand(kind_of(row)));
  const size_t bytes = row.bytes * (row.tensor ? 6 : 1);
  const std::vector<char> data(bytes + 8);
  EXPECT(ANeuralNetworksModel_setOperandValue(model, index, data.data(), bytes - 1), kBadData);
  EXPECT(ANeuralNetworksModel_setOperandValue(model, index, data.data(), bytes + 1), kBadData);
  EXPECT(ANeuralNetworksModel_setOperandValue(model, index, data.data(), 0), kBadData);
  EXPECT(ANeuralNetworksModel_setOperandValue(model, index + 1, data.data(), bytes), kBadData);
  EXPECT(ANeuralNetworksModel_setOperandValue(model, -1, data.data(), bytes), kBadData);
  EXPECT(ANeuralNetworksModel_setOperandValue(model, index, data.data(), bytes), kOk);
  EXPECT(ANeuralNetworksModel_setOperandValue(model, index, nullptr, 0), kOk);
  if (!row.tensor) return;
  for (const Dims& dims : {Dims{}, Dims{0, 3}}) {
    const auto unknown = static_cast<int32_t>(model.operand({row.type, dims, row.scale, row.low}));
    EXPECT(ANeuralNetworksModel_setOperandValue(model, unknown, data.data(), bytes), kBadData);
  }
}

void check_channel_scales() {
  Model model;
  const float good[] = {0.5f, 1.0f}, bad[] = {0.5f, 0.0f}, negative[] = {-0.5f, 1.0f};
  const auto weights = static_cast<int32_t>(
      model.operand({ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL, {2, 1, 0}}));
  const auto set = [&](int32_t index, uint32_t dim, uint32_t count, const float* scales) {
    const ANeuralNetworksSymmPerChannelQuantParams params{dim, count, scales};
    return ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(model, index, &params);
  };
  EXPECT(set(weights, 0, 2, good), kOk);
  EXPECT(set(weights, 1, 1, good), kOk);
  EXPECT(set(weights, 0, 1, good), kBadData);
  EXPECT(set(weights, 0, 0, good), kBadData);
  EXPECT(set(weights, 0, 2, nullptr), kBadData);
  EXPECT(set(weights, 2, 2, good), kBadData);  // a dimension that is not known
  EXPECT(set(weights, 3, 2, good), kBadData);
  EXPECT(set(weights, 0, 2, bad), kBadData);
  EXPECT(set(weights, 0, 2, negative), kBadData);
  EXPECT(set(weights + 1, 0, 2, good), kBadData);
  EXPECT(set(-1, 0, 2, good), kBadData);
  for (const TypeRow& row : kTypes) {
    if (row.type == ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL) continue;
    EXPECT(set(static_cast<int32_t>(model.operand(kind_of(row))), 0, 2, good), kBadData);
  }
}

void check_vendor_types() {
  Model model;
  EXPECT(model.add({ANEURALNETWORKS_OEM_SCALAR}), kOk);
  EXPECT(model.add({ANEURALNETWORKS_TENSOR_OEM_BYTE, {4}}), kOk);
  EXPECT(model.add({ANEURALNETWORKS_TENSOR_OEM_BYTE, {4}, 0.5f, 300}), kOk);
  EXPECT(model.add({ANEURALNETWORKS_OEM_SCALAR, {4}}), kBadData);
  const char bytes[7] = {};
  EXPECT(ANeuralNetworksModel_setOperandValue(model, 0, bytes, 7), kOk);  // of any length
  EXPECT(ANeuralNetworksModel_setOperandValue(model, 1, bytes, 4), kOk);
  EXPECT(ANeuralNetworksModel_setOperandValue(model, 1, bytes, 5), kBadData);
  for (int32_t code : {-1, 16, 9999, 10002, 65536}) EXPECT(model.add({code, {1}}), kBadData);
}

}  // namespace

void check_operand_types() {
  for (const TypeRow& row : kTypes) check_type(row);
  check_vendor_types();
}

void check_values() {
  for (const TypeRow& row : kTypes) check_value(row);
  check_channel_scales();
}

}  // namespace contract
