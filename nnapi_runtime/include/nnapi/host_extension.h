// A vendor's extension for our libneuralnetworks.so: operand types and operations that NNAPI itself
// does not have, registered by the process that uses them. Models name them as on a phone, with
// ANeuralNetworksModel_getExtensionOperandType and _getExtensionOperationType.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

// One operation of a model while its functions look at it; it is theirs until they return.
typedef struct nnapi_host_node nnapi_host_node;

// What an operation sees of an operand.
typedef struct {
  int32_t type;                // ANEURALNETWORKS_…, or the code of an extension's type
  uint32_t rank;               // 0: a scalar
  const uint32_t* dimensions;  // `rank` of them
  float scale;
  int32_t zero_point;
  void*
      data;  // null: omitted, or not known before the operation runs; inputs are not to be written
  size_t bytes;                // of all its elements, as far as the dimensions say
  const void* extension_data;  // what setOperandExtensionData gave; null: nothing
  size_t extension_data_length;
} nnapi_host_operand;

uint32_t nnapi_host_node_input_count(const nnapi_host_node* node);
uint32_t nnapi_host_node_output_count(const nnapi_host_node* node);
// False where there is no operand of this number; then nothing is written.
bool nnapi_host_node_input(const nnapi_host_node* node, uint32_t index,
                           nnapi_host_operand* operand);
bool nnapi_host_node_output(const nnapi_host_node* node, uint32_t index,
                            nnapi_host_operand* operand);
// For infer: the shape of output `index`. BAD_DATA for a number or rank that there is not.
int nnapi_host_node_set_output_dimensions(nnapi_host_node* node, uint32_t index, uint32_t rank,
                                          const uint32_t* dimensions);
// Says why a function fails: the text of nnapi_host_last_error. Returns `code`.
int nnapi_host_node_fail(nnapi_host_node* node, int code, const char* why);

// What infer returns where an output's shape depends on a value that is not known yet (its data is
// null): it is called again when it is.
#define NNAPI_HOST_INFER_LATER (-1)

// An operation. Its functions return an ANEURALNETWORKS result code, and may be called by several
// threads at once, each with a node of its own.
typedef struct {
  uint16_t code;     // within the extension
  const char* name;  // for messages
  // Checks number and types of operands, shapes and values, and sets the dimensions of every
  // output. Called when the model is finished if all inputs' shapes are known by then, else when
  // they are. Never null.
  int (*infer)(nnapi_host_node* node, void* user_data);
  // Optional: once for each compilation whose shapes are known, with the constants there. What it
  // leaves in *prepared is given to run, and to release in the end. `run` gets null where it was
  // not called.
  int (*prepare)(nnapi_host_node* node, void* user_data, void** prepared);
  void (*release)(void* prepared, void* user_data);
  // Computes. Never null.
  int (*run)(nnapi_host_node* node, void* user_data, void* prepared);
} nnapi_host_extension_operation;

typedef struct {
  uint16_t code;     // within the extension
  const char* name;  // for messages
  bool is_tensor;
  uint32_t element_bytes;  // of an element, or of a scalar; at least 1
} nnapi_host_extension_operand_type;

typedef struct {
  const char* name;  // as "com.example.vision"
  uint32_t operand_type_count;
  const nnapi_host_extension_operand_type* operand_types;
  uint32_t operation_count;
  const nnapi_host_extension_operation* operations;
  void* user_data;  // given to every function
} nnapi_host_extension;

// From now on, for the rest of the process, the CPU device has this extension. All is copied but
// what functions and user_data point to. BAD_DATA for a name that is registered already or is no
// name, codes that are there twice, or a missing function; UNEXPECTED_NULL for what must be given.
int nnapi_host_register_extension(const nnapi_host_extension* extension);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
