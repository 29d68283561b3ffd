// Facts about NNAPI's operand types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nnapi/neural_networks.h"

namespace nnapi::host {

// Is there a type of this code that this runtime knows?
bool is_known_type(int32_t type);
bool is_tensor_type(int32_t type);
// Bytes of one element of a tensor or scalar type; 0 for a type without data.
size_t element_size(int32_t type);
// The name without prefix, or the number for an unknown type.
std::string type_name(int32_t type);

// Types of a vendor's extension have codes of more than sixteen bits. Once added they stay.
bool is_extension_type(int32_t type);
void add_extension_type(int32_t type, std::string name, bool is_tensor, uint32_t element_bytes);

// Why scale and zero point are not allowed for the type; null when they are.
const char* quantisation_fault(int32_t type, float scale, int32_t zero_point);

// A tensor's size as a model declares it: 0 is an unknown dimension, no dimensions an unknown rank.
using Dimensions = std::vector<uint32_t>;
std::string to_string(const Dimensions& dimensions);
bool is_fully_known(int32_t type, const Dimensions& dimensions);

// Bytes of an operand, 0 if they are not known yet. False when they exceed 32 bits, NNAPI's limit.
bool byte_size(int32_t type, const Dimensions& dimensions, uint32_t* bytes);

// What is known when both are true of one operand. False when they contradict each other.
bool combine(const Dimensions& a, const Dimensions& b, Dimensions* both);

}  // namespace nnapi::host
