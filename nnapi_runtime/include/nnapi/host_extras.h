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

// At most this many threads, the calling one included, compute executions of this compilation;
// 0: as many as the process's pool has. Before finish. Results do not depend on it.
int nnapi_host_compilation_set_num_threads(ANeuralNetworksCompilation* compilation, uint32_t count);

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
