// What makes a model valid. Every check refuses with BAD_DATA and a text that names operation,
// operand, rule and limit.
#pragma once

#include <cstdint>
#include <vector>

#include "host/error.h"
#include "host/model.h"

namespace nnapi::host {

// ---- operands (operand_validation.cpp)
Status read_operand_type(const ANeuralNetworksOperandType& type, const char* function,
                         Operand* operand);
// May operand `index` be a constant of so many bytes?
Status check_constant_size(const Operand& operand, uint32_t index, const char* function,
                           size_t length);
Status check_channel_scales(const Operand& operand, uint32_t index,
                            const ANeuralNetworksSymmPerChannelQuantParams& params);

// ---- one operation against the opset (operation_validation.cpp)
// Operand numbers, how many operands, their types and ranks. Sets the node's rules.
Status check_operation(const std::vector<Operand>& operands, OperationNode* node, uint32_t number);
// Why input i must not have this rank; empty when it may. At run time, too, before infer: an
// input's rank may become known only then.
std::string rank_fault(const OperationNode& node, size_t i, size_t rank);
// Are all inputs given that must be? omitted: by operand.
Status check_omissions(const OperationNode& node, uint32_t number, const std::vector<bool>& omitted,
                       Failure* failure);
// IF and WHILE: do the referenced models fit? (control_flow_validation.cpp)
Status check_control_flow(const std::vector<Operand>& operands, const OperationNode& node,
                          uint32_t number);

// ---- the whole model (validation.cpp)
// Also finds an order in which the operations can run.
Status validate(const Model& model, std::vector<uint32_t>* run_order);

// Refuses operation `number`.
[[gnu::format(printf, 3, 4)]] Status refuse(const OperationNode& node, uint32_t number,
                                            const char* text, ...);

}  // namespace nnapi::host
