#include <limits>

#include "host/base/error.h"
#include "host/base/size_limit.h"
#include "host/model/validation.h"
#include "host/tensor/tensor.h"

namespace nnapi::host {

Status read_operand_type(const ANeuralNetworksOperandType& type, const char* function,
                         Operand* operand) {
  if (!is_known_type(type.type))
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: unknown operand type %d", function, type.type);
  const std::string name = type_name(type.type);
  if ((type.dimensions == nullptr) != (type.dimensionCount == 0))
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: %s: dimensions are %snull but their number is %u",
                function, name.c_str(), type.dimensions ? "not " : "", type.dimensionCount);
  if (!is_tensor_type(type.type) && type.dimensionCount != 0)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: %s: a scalar has no dimensions", function,
                name.c_str());
  if (type.dimensionCount > kMaxRank)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: %s: rank %u, at most %u is supported", function,
                name.c_str(), type.dimensionCount, kMaxRank);
  if (const char* fault = quantisation_fault(type.type, type.scale, type.zeroPoint))
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: %s with scale %g and zero point %d: %s", function,
                name.c_str(), type.scale, type.zeroPoint, fault);
  operand->type = type.type;
  operand->dimensions.assign(type.dimensions, type.dimensions + type.dimensionCount);
  operand->scale = type.scale;
  operand->zero_point = type.zeroPoint;
  uint32_t bytes;
  if (!byte_size(type.type, operand->dimensions, &bytes))
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: %s is larger than %u bytes", function,
                operand->describe().c_str(), operand_size_limit());
  return kOk;
}

Status check_constant_size(const Operand& operand, uint32_t index, const char* function,
                           size_t length) {
  if (operand.type == ANEURALNETWORKS_MODEL)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: operand %u is a MODEL: it has no bytes", function,
                index);
  if (operand.type == ANEURALNETWORKS_OEM_SCALAR) return kOk;
  uint32_t bytes = 0;
  byte_size(operand.type, operand.dimensions, &bytes);
  if (bytes == 0)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: operand %u, %s: a constant needs known dimensions",
                function, index, operand.describe().c_str());
  if (bytes != length)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: operand %u, %s, takes %u bytes, got %zu", function,
                index, operand.describe().c_str(), bytes, length);
  return kOk;
}

Status check_channel_scales(const Operand& operand, uint32_t index,
                            const ANeuralNetworksSymmPerChannelQuantParams& params) {
  auto refuse_it = [&](const std::string& why) {
    return fail(ANEURALNETWORKS_BAD_DATA, "setOperandSymmPerChannelQuantParams: operand %u, %s: %s",
                index, operand.describe().c_str(), why.c_str());
  };
  if (operand.type != ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL)
    return refuse_it("the type has no scales per channel");
  if (params.scales == nullptr || params.scaleCount == 0) return refuse_it("there are no scales");
  if (params.channelDim >= operand.dimensions.size())
    return refuse_it("channelDim is " + std::to_string(params.channelDim));
  if (params.scaleCount != operand.dimensions[params.channelDim])
    return refuse_it(std::to_string(params.scaleCount) + " scales for dimension " +
                     std::to_string(params.channelDim));
  for (uint32_t i = 0; i < params.scaleCount; ++i)
    if (!(params.scales[i] > 0.0f) || params.scales[i] > std::numeric_limits<float>::max())
      return refuse_it("scale " + std::to_string(i) + " is not positive and finite");
  return kOk;
}

}  // namespace nnapi::host
