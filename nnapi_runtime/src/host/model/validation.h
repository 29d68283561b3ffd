// What makes a model valid. Every check refuses with BAD_DATA and a text that names operation,
// operand, rule and limit.
#pragma once

#include <cstdint>
#include <vector>

#include "host/base/error.h"
#include "host/model/model.h"

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
// Operand numbers, how many operands, and their types. Sets the node's rules.
Status check_operation(const std::vector<Operand>& operands, OperationNode* node, uint32_t number);
// What Android's runtime asks of them beyond that (operation_relations.cpp).
Status check_relations(const std::vector<Operand>& operands, const OperationNode& node,
                       uint32_t number);
// Declared ranks against the opset's, for strict models.
Status check_ranks(const std::vector<Operand>& operands, const OperationNode& node,
                   uint32_t number);
// Why input i must not have this rank; empty when it may. At run time, too, before infer: an
// input's rank may become known only then.
std::string rank_fault(const OperationNode& node, size_t i, size_t rank);
// Why input i must not be omitted; empty when it may.
std::string omission_fault(const OperationNode& node, size_t i);
// IF and WHILE: do the referenced models fit? (control_flow_validation.cpp)
Status check_control_flow(const std::vector<Operand>& operands, const OperationNode& node,
                          uint32_t number);

// ---- the whole model
// Has every operand the value that its place asks for: constants, inputs, outputs, submodels; of
// strict models, those that may be omitted? (lifetime_validation.cpp)
Status check_lifetimes(const Model& model);
// An order in which the operations can run, the given one as far as their inputs allow: every
// operand is written once, and before it is read. (run_order.cpp)
Status find_run_order(const Model& model, std::vector<uint32_t>* order);
// Also finds an order in which the operations can run.
Status validate(const Model& model, std::vector<uint32_t>* run_order);

// Refuses an operand, or operation `number`.
Status refuse_operand(const Model& model, uint32_t index, const char* why);
[[gnu::format(printf, 3, 4)]] Status refuse(const OperationNode& node, uint32_t number,
                                            const char* text, ...);

}  // namespace nnapi::host
