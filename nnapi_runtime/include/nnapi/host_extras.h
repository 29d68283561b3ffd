// What our libneuralnetworks.so offers beyond the NNAPI C API. A client finds each function with
// dlsym and does without it in any other library.
#pragma once

#include <stdint.h>

#include "nnapi/neural_networks.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

// Why the calling thread's last failing call failed, in words. Never null, and empty when no call
// has failed yet; valid until the thread's next call.
const char* nnapi_host_last_error(void);

// The operation which that text is about: its index in the model that was being built or run
// (in the main model, for an operation inside a submodel); -1 when it is about none.
int32_t nnapi_host_last_error_operation(void);

// A strict model is refused as early as its fault is known, with BAD_DATA and a text: by
// addOperation for a rank that the operation's documentation does not allow, by finish for shapes,
// values and omitted inputs that no run could take. Without it, as by default, a model is refused
// for what Android's runtime refuses it for, and what else is wrong lets the computation end with
// OP_FAILED. Before the first operation is added.
int nnapi_host_model_set_strict(ANeuralNetworksModel* model, bool strict);

// At most this many threads, the calling one included, compute executions of this compilation;
// 0: as many as the process's pool has. Before finish. Results do not depend on it.
int nnapi_host_compilation_set_num_threads(ANeuralNetworksCompilation* compilation, uint32_t count);

// What an execution's results between its inputs and outputs may take at once: `bytes`, and
// `times_inputs` times the bytes of its inputs. More ends finish, or the computation, with
// OUT_OF_MEMORY and a text. Before finish; without it, the limit is what the machine has free.
int nnapi_host_compilation_set_memory_limit(ANeuralNetworksCompilation* compilation, uint64_t bytes,
                                            uint32_t times_inputs);

// From now on the devices are those of a file (docs/host_devices.md), and this machine's CPU after
// them; null: the CPU alone. The environment's NNAPI_HOST_DEVICES names the file of the beginning.
// BAD_DATA where the file is wrong: then until the next call there are no devices, and nothing is
// compiled. Handles of devices from before are refused; compilations keep the devices that they
// have. Devices count their calls from 0.
int nnapi_host_set_devices(const char* path);

// Which device computes which operation of a finished compilation's main model: its index, as in
// ANeuralNetworks_getDevice, and the number of the part, in the order in which they run, in which
// the device gets the operation. `count` must be the number of operations.
int nnapi_host_compilation_get_placement(const ANeuralNetworksCompilation* compilation,
                                         uint32_t* devices, uint32_t* parts, uint32_t count);

// Measures the time of every operation of the main model in the computations that follow.
int nnapi_host_execution_set_profiling(ANeuralNetworksExecution* execution, bool enabled);

// Copies the nanoseconds that each operation took in the last computation, in the model's order.
// `count` must be the number of operations of the main model. BAD_STATE when nothing was measured.
int nnapi_host_execution_get_profile(const ANeuralNetworksExecution* execution,
                                     uint64_t* nanoseconds, uint32_t count);

// The name of an operation code that this library implements; null for any other.
const char* nnapi_host_operation_name(int32_t code);

// Threads of the process's pool, the calling one included; 0: NNAPI_NUM_THREADS, or one a core.
void nnapi_host_set_num_threads(int32_t count);

// Bytes that a finished compilation's intermediate results take in each execution (peak), and would
// take if none of them shared memory (sum). What is sized at run time is in neither.
int nnapi_host_compilation_memory(const ANeuralNetworksCompilation* compilation, uint64_t* peak,
                                  uint64_t* sum);

// The planner alone: where to put `count` buffers, the i-th of which is in use from step first[i]
// to step last[i], both included.
int nnapi_host_plan_memory(uint32_t count, const uint64_t* bytes, const uint32_t* first,
                           const uint32_t* last, uint64_t* offsets, uint64_t* peak);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
