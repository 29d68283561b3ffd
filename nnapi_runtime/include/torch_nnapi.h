/* Runs .nnapi files, without Python and without torch: on a phone's NNAPI, on our own library
 * beside it, or on both. C99; every function is safe to call from any language with C calls.
 *
 *   torch_nnapi_options options;
 *   torch_nnapi_options_init(&options, sizeof options);
 *   torch_nnapi_session* session = NULL;
 *   if (torch_nnapi_load_path("model.nnapi", &options, &session) != TORCH_NNAPI_OK) {
 *     fprintf(stderr, "%s\n", torch_nnapi_last_error()->message);
 *   }
 *   torch_nnapi_tensor input = {sizeof input, TORCH_NNAPI_FLOAT32, 2, {1, 16}, {0}, pixels, 64};
 *   torch_nnapi_results* results = NULL;
 *   torch_nnapi_run(session, &input, 1, &results);
 *   const torch_nnapi_tensor* output = torch_nnapi_results_get(results, 0);
 *   ...
 *   torch_nnapi_results_free(results);
 *   torch_nnapi_session_free(session);
 *
 * Structs begin with their size in bytes, which the caller sets: a library that is newer or older
 * than the header reads and writes no more than both know. What is not said otherwise may be called
 * from several threads at once, on one session too. Calls block until they are done.
 */
#ifndef TORCH_NNAPI_H
#define TORCH_NNAPI_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TORCH_NNAPI_EXPORT __attribute__((visibility("default")))
#else
#define TORCH_NNAPI_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Major and minor version of this header: major * 1000 + minor. Functions and fields are only ever
 * added within a major version. */
#define TORCH_NNAPI_VERSION 1002

/* That of the library. */
TORCH_NNAPI_EXPORT int32_t torch_nnapi_version(void);

/* ---- Errors ---- */

typedef enum torch_nnapi_status {
  TORCH_NNAPI_OK = 0,
  /* An NNAPI library answered a call with an error, or a run was over time or cancelled. */
  TORCH_NNAPI_CALL_FAILED = 1,
  /* A library cannot be loaded, or lacks a function. */
  TORCH_NNAPI_NO_LIBRARY = 2,
  /* A file is damaged or not what it should be, or has parts that nothing here runs. */
  TORCH_NNAPI_BAD_MODEL = 3,
  /* Arguments do not fit the model, or an option is out of range. */
  TORCH_NNAPI_BAD_ARGUMENT = 4,
  TORCH_NNAPI_OUT_OF_MEMORY = 5
} torch_nnapi_status;

/* Why the calling thread's last failing call failed. Texts are UTF-8, never null, and empty where
 * they are not known. */
typedef struct torch_nnapi_error {
  size_t size;
  torch_nnapi_status status; /* TORCH_NNAPI_OK: no call has failed yet */
  const char* message;       /* what, where, and what to do next */
  const char* call;          /* the NNAPI function that refused: "ANeuralNetworksModel_finish" */
  const char* code;          /* what it answered: "BAD_DATA" */
  int64_t operation;         /* the index of the operation concerned; -1: none is known */
  const char* node;   /* the node of the user's model that the operation came from: "conv2d" */
  const char* source; /* where the user wrote that: "model.py:12" */
} torch_nnapi_error;

/* Valid until the thread's next call that fails. Never null. */
TORCH_NNAPI_EXPORT const torch_nnapi_error* torch_nnapi_last_error(void);

/* ---- Tensors ---- */

typedef enum torch_nnapi_dtype {
  TORCH_NNAPI_BOOL = 0,
  TORCH_NNAPI_UINT8 = 1,
  TORCH_NNAPI_INT8 = 2,
  TORCH_NNAPI_UINT16 = 3,
  TORCH_NNAPI_INT16 = 4,
  TORCH_NNAPI_UINT32 = 5,
  TORCH_NNAPI_INT32 = 6,
  TORCH_NNAPI_UINT64 = 7,
  TORCH_NNAPI_INT64 = 8,
  TORCH_NNAPI_FLOAT16 = 9,
  TORCH_NNAPI_FLOAT32 = 10,
  TORCH_NNAPI_FLOAT64 = 11
} torch_nnapi_dtype;

/* Bytes of an element; 0 for no dtype. */
TORCH_NNAPI_EXPORT size_t torch_nnapi_dtype_size(torch_nnapi_dtype dtype);
/* As torch writes it: "float32". Never null. */
TORCH_NNAPI_EXPORT const char* torch_nnapi_dtype_name(torch_nnapi_dtype dtype);

#define TORCH_NNAPI_MAX_RANK 8

/* A tensor in memory. Of a quantised tensor: its integers. */
typedef struct torch_nnapi_tensor {
  size_t size;
  torch_nnapi_dtype dtype;
  int32_t rank;
  int64_t shape[TORCH_NNAPI_MAX_RANK];
  /* In elements. All 0: row-major, without gaps. Results have none. */
  int64_t strides[TORCH_NNAPI_MAX_RANK];
  void* data;   /* not written to where it is an input */
  size_t bytes; /* of the memory at data; at least what the shape takes */
} torch_nnapi_tensor;

/* What a model says of an input or a result. */
typedef struct torch_nnapi_tensor_info {
  size_t size;
  const char* name; /* lives as long as the session; empty for a result that is None */
  torch_nnapi_dtype dtype;
  int32_t rank;
  int64_t shape[TORCH_NNAPI_MAX_RANK];   /* -1: any size */
  int64_t example[TORCH_NNAPI_MAX_RANK]; /* a shape that the model takes: of a free size, the one
                                            that it was converted for. Of inputs alone. */
  /* Real number = scale * (integer - zero_point), where the tensor is quantised; else scale is 0.
   */
  double scale;
  int64_t zero_point;
  /* Of a result: the input that the model writes it into (PyTorch's in-place operations); -1: none.
   */
  int32_t written_input;
  /* Of a result: is it None, which has neither dtype nor data? */
  int32_t is_none;
} torch_nnapi_tensor_info;

/* ---- Loading ---- */

typedef struct torch_nnapi_session torch_nnapi_session;

typedef enum torch_nnapi_fallback {
  /* What the NNAPI library refuses makes loading fail. */
  TORCH_NNAPI_FALLBACK_NONE = 0,
  /* It runs on our own library, libneuralnetworks.so beside this one, and so does all of a model
   * where there is no NNAPI. */
  TORCH_NNAPI_FALLBACK_HOST = 1
} torch_nnapi_fallback;

typedef enum torch_nnapi_preference {
  TORCH_NNAPI_LOW_POWER = 0,
  TORCH_NNAPI_FAST_SINGLE_ANSWER = 1,
  TORCH_NNAPI_SUSTAINED_SPEED = 2
} torch_nnapi_preference;

typedef enum torch_nnapi_priority {
  TORCH_NNAPI_PRIORITY_DEFAULT = 0,
  TORCH_NNAPI_PRIORITY_LOW = 90,
  TORCH_NNAPI_PRIORITY_MEDIUM = 100,
  TORCH_NNAPI_PRIORITY_HIGH = 110
} torch_nnapi_priority;

/* Texts are copied. Null texts and zeros are the defaults, unless said otherwise. */
typedef struct torch_nnapi_options {
  size_t size;
  int32_t num_threads; /* at most; 0: the library decides. Only our own library listens. */
  torch_nnapi_preference preference; /* default: sustained speed */
  torch_nnapi_priority priority;
  uint64_t loop_timeout_ns; /* of one loop; 0: NNAPI's default of 2 s */
  uint64_t timeout_ns;      /* of one run, looked at between pieces and rounds; 0: no limit */
  /* A folder in which libraries keep what compiling made; it is made if need be. */
  const char* cache_dir;
  /* The NNAPI library: a path, or a name that the dynamic linker finds ("libneuralnetworks.so" on a
   * phone). Null: the environment's NNAPI_LIBRARY, else on Android the phone's, elsewhere our own.
   */
  const char* library;
  /* Our own library. Null: libneuralnetworks.so in this library's folder; on Android
   * libtorch_nnapi_host.so. */
  const char* host_library;
  torch_nnapi_fallback fallback; /* default: our own library */
  /* Bytes that the results of a piece may take, and as much again what our own library computes
   * between them; 0: 256 MiB, and 1,000 times the bytes of the file's weights and of the inputs. */
  uint64_t memory_limit;
  /* The library's devices that may run the model, by name or all of a type ("npu", "gpu", "cpu"),
   * one a line. Null: the library chooses. */
  const char* devices;
  /* Not 0: the library's driver is tried with the model first, in a process of its own, and counts
   * as one that refuses it where it crashes, hangs, fails, or gives other results than our own
   * library. Only for models that are loaded from a path. Verdicts are kept in cache_dir. */
  int32_t check_driver;
  uint64_t check_timeout_ns; /* what that may take; 0: 60 s */
  /* The program that tries it. Null: nnapi-check-driver beside our own library; on Android
   * libnnapi_check_driver.so. */
  const char* check_program;
} torch_nnapi_options;

/* Sets the defaults, and the size. */
TORCH_NNAPI_EXPORT void torch_nnapi_options_init(torch_nnapi_options* options, size_t size);

/* Opens a .nnapi file, checks it and compiles its models. `options` may be null. On success
 * `*session` is to be given back with torch_nnapi_session_free; else it is null. Weights are
 * mapped, not copied: the file must not change while the session lives. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_load_path(const char* path,
                                                            const torch_nnapi_options* options,
                                                            torch_nnapi_session** session);
/* Of `length` bytes from `offset` of an open file, which may be closed afterwards: an uncompressed
 * asset of an Android package (AAsset_openFileDescriptor64). A negative length: up to the file's
 * end. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_load_fd(int fd, int64_t offset, int64_t length,
                                                          const torch_nnapi_options* options,
                                                          torch_nnapi_session** session);
/* Of a file's bytes in memory, which must stay as they are until `release` is called with
 * `context`: when the session is freed, or before this returns where it fails. `release` may be
 * null. Memory that begins at no multiple of 4 is copied. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_load_memory(const void* data, size_t bytes,
                                                              void (*release)(void* context),
                                                              void* context,
                                                              const torch_nnapi_options* options,
                                                              torch_nnapi_session** session);
/* Null is allowed. Runs that other threads have begun end well; no other may begin. */
TORCH_NNAPI_EXPORT void torch_nnapi_session_free(torch_nnapi_session* session);

/* ---- What a model is ---- */

TORCH_NNAPI_EXPORT int32_t torch_nnapi_feature_level(const torch_nnapi_session* session);
TORCH_NNAPI_EXPORT size_t torch_nnapi_input_count(const torch_nnapi_session* session);
/* All results in order: those that are returned, then those that are written into inputs. */
TORCH_NNAPI_EXPORT size_t torch_nnapi_output_count(const torch_nnapi_session* session);
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_input_info(const torch_nnapi_session* session,
                                                             size_t index,
                                                             torch_nnapi_tensor_info* info);
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_output_info(const torch_nnapi_session* session,
                                                              size_t index,
                                                              torch_nnapi_tensor_info* info);

/* ---- Methods ---- */

/* Since version 1002. A file may hold several methods of one model ("encode", "decode") over the
 * same weights and state. Its session has neither inputs nor outputs, and does not run; those of
 * its methods do. A file of one model has one method, "forward", which its session is. */
TORCH_NNAPI_EXPORT size_t torch_nnapi_method_count(const torch_nnapi_session* session);
/* It lives as long as the session; null beyond the last. */
TORCH_NNAPI_EXPORT const char* torch_nnapi_method_name(const torch_nnapi_session* session,
                                                       size_t index);
/* A method as a session: for inputs and outputs, running, binding, placements and profiles. Its
 * state is that of the session that it was asked of, and of the other methods. Of a method that was
 * made for several sets of shapes, infos tell the first. It is to be given back with
 * torch_nnapi_session_free, before or after the other. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_method(const torch_nnapi_session* session,
                                                         const char* name,
                                                         torch_nnapi_session** method);

/* ---- Running ---- */

typedef struct torch_nnapi_results torch_nnapi_results;

/* Computes once. `inputs` are `count` tensors in the model's order. On success `*results` is to be
 * given back with torch_nnapi_results_free; else it is null. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_run(torch_nnapi_session* session,
                                                      const torch_nnapi_tensor* inputs,
                                                      size_t count, torch_nnapi_results** results);
TORCH_NNAPI_EXPORT size_t torch_nnapi_results_count(const torch_nnapi_results* results);
/* One of the results, in the order of torch_nnapi_output_info, row-major and without gaps. It lives
 * as long as the results. Null for one that is None, or beyond the last. */
TORCH_NNAPI_EXPORT const torch_nnapi_tensor* torch_nnapi_results_get(
    const torch_nnapi_results* results, size_t index);
/* Null is allowed. */
TORCH_NNAPI_EXPORT void torch_nnapi_results_free(torch_nnapi_results* results);

/* Computes once, into the caller's memory: `outputs` are all of the model's results, each with
 * `data` and `bytes`; shape, rank and dtype are filled in, and so are the bytes that it took. One
 * that is not wanted, or is None, has a null `data`. Results are copied once they are all there, so
 * nothing is written where the call fails. Outputs may be the memory of inputs. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_run_into(torch_nnapi_session* session,
                                                           const torch_nnapi_tensor* inputs,
                                                           size_t input_count,
                                                           torch_nnapi_tensor* outputs,
                                                           size_t output_count);

/* Inputs and outputs that stay in one place: the shortest way to compute again and again. */
typedef struct torch_nnapi_binding torch_nnapi_binding;

/* Binds memory, as for torch_nnapi_run_into, which must stay where it is until the binding is
 * freed. A model that is one NNAPI piece, in the order of dimensions and the element types that
 * NNAPI has, computes straight from and into it; any other runs as torch_nnapi_run_into does. The
 * session may be freed before. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_bind(
    torch_nnapi_session* session, const torch_nnapi_tensor* inputs, size_t input_count,
    const torch_nnapi_tensor* outputs, size_t output_count, torch_nnapi_binding** binding);
/* Reads the inputs and writes the outputs. Threads take turns. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_binding_run(torch_nnapi_binding* binding);
/* Is nothing copied on the way? */
TORCH_NNAPI_EXPORT int32_t torch_nnapi_binding_is_direct(const torch_nnapi_binding* binding);
/* Null is allowed. */
TORCH_NNAPI_EXPORT void torch_nnapi_binding_free(torch_nnapi_binding* binding);

/* Makes the runs of this session that are on their way end with TORCH_NNAPI_CALL_FAILED, before
 * their next piece or round of a loop; and those that come, until it is called with 0. */
TORCH_NNAPI_EXPORT void torch_nnapi_cancel(torch_nnapi_session* session, int32_t cancelled);

/* ---- What a model remembers ---- */

/* Since version 1001. A model may keep tensors from one call to the next: the buffers that its
 * forward writes into, a cache or a counter. Runs of a session that has any take turns. A run that
 * fails leaves the state as it was, and so does a profile. */
TORCH_NNAPI_EXPORT size_t torch_nnapi_state_count(const torch_nnapi_session* session);
/* Its name is the module's. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_state_info(const torch_nnapi_session* session,
                                                             size_t index,
                                                             torch_nnapi_tensor_info* info);
/* Copies a state into the caller's memory, as torch_nnapi_run_into copies a result. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_state_read(const torch_nnapi_session* session,
                                                             size_t index,
                                                             torch_nnapi_tensor* tensor);
/* Copies a tensor of the same dtype and shape into the state. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_state_write(torch_nnapi_session* session,
                                                              size_t index,
                                                              const torch_nnapi_tensor* tensor);
/* Makes every state what it is when the file is loaded. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_reset(torch_nnapi_session* session);
/* Another session over the same compiled models and weights, which goes on from a copy of this
 * one's state by itself. It is to be given back with torch_nnapi_session_free, before or after this
 * one. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_fork(const torch_nnapi_session* session,
                                                       torch_nnapi_session** fork);

/* ---- Where it runs, and what that costs ---- */

/* An operation, or a piece that is none of NNAPI's. */
typedef struct torch_nnapi_operation {
  size_t size;
  int32_t code;        /* NNAPI's operation code; -1: a piece of another kind */
  const char* node;    /* the node of the user's model that it came from */
  const char* target;  /* torch's operator: "aten.conv2d.default" */
  const char* source;  /* where the user wrote it: "model.py:12" */
  const char* library; /* of a placement: the path of the library that runs it */
  const char*
      reason; /* of a placement: why it is not on the library that it was meant for; empty: it is */
  uint64_t nanoseconds; /* of a profile */
} torch_nnapi_operation;

typedef struct torch_nnapi_operations torch_nnapi_operations;

/* Where each operation runs. On success `*operations` is to be freed. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_placement(torch_nnapi_session* session,
                                                            torch_nnapi_operations** operations);
/* Runs once more, and says what each operation took. Only our own library measures single
 * operations. */
TORCH_NNAPI_EXPORT torch_nnapi_status torch_nnapi_profile(torch_nnapi_session* session,
                                                          const torch_nnapi_tensor* inputs,
                                                          size_t count,
                                                          torch_nnapi_operations** operations);
TORCH_NNAPI_EXPORT size_t torch_nnapi_operations_count(const torch_nnapi_operations* operations);
/* Null beyond the last. It lives as long as the operations. */
TORCH_NNAPI_EXPORT const torch_nnapi_operation* torch_nnapi_operations_get(
    const torch_nnapi_operations* operations, size_t index);
/* Null is allowed. */
TORCH_NNAPI_EXPORT void torch_nnapi_operations_free(torch_nnapi_operations* operations);

/* Why some of the model runs on our own library rather than on the one that it was loaded for: the
 * first reason. Empty: nothing does. It lives until the thread's next call of this function. */
TORCH_NNAPI_EXPORT const char* torch_nnapi_why_fallback(torch_nnapi_session* session);

#ifdef __cplusplus
}
#endif

#endif /* TORCH_NNAPI_H */
