// A libneuralnetworks.so, found and opened: the functions that the loader calls, by name.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "nnapi/host_extras.h"
#include "nnapi/neural_networks.h"

// REQUIRED(function): every NNAPI library has had it since feature level 27.
// OPTIONAL(function, level): exists since that level; null in an older library.
// EXTRA(function): our own library's, null in any other.
#define NNAPI_LOADER_FUNCTIONS(REQUIRED, OPTIONAL, EXTRA)                \
  REQUIRED(ANeuralNetworksModel_create)                                  \
  REQUIRED(ANeuralNetworksModel_free)                                    \
  REQUIRED(ANeuralNetworksModel_addOperand)                              \
  REQUIRED(ANeuralNetworksModel_setOperandValue)                         \
  REQUIRED(ANeuralNetworksModel_addOperation)                            \
  REQUIRED(ANeuralNetworksModel_identifyInputsAndOutputs)                \
  REQUIRED(ANeuralNetworksModel_finish)                                  \
  REQUIRED(ANeuralNetworksCompilation_create)                            \
  REQUIRED(ANeuralNetworksCompilation_free)                              \
  REQUIRED(ANeuralNetworksCompilation_setPreference)                     \
  REQUIRED(ANeuralNetworksCompilation_finish)                            \
  REQUIRED(ANeuralNetworksExecution_create)                              \
  REQUIRED(ANeuralNetworksExecution_free)                                \
  REQUIRED(ANeuralNetworksExecution_setInput)                            \
  REQUIRED(ANeuralNetworksExecution_setOutput)                           \
  REQUIRED(ANeuralNetworksExecution_startCompute)                        \
  REQUIRED(ANeuralNetworksEvent_wait)                                    \
  REQUIRED(ANeuralNetworksEvent_free)                                    \
  OPTIONAL(ANeuralNetworksModel_relaxComputationFloat32toFloat16, 28)    \
  OPTIONAL(ANeuralNetworksModel_setOperandSymmPerChannelQuantParams, 29) \
  OPTIONAL(ANeuralNetworksModel_getSupportedOperationsForDevices, 29)    \
  OPTIONAL(ANeuralNetworks_getDeviceCount, 29)                           \
  OPTIONAL(ANeuralNetworks_getDevice, 29)                                \
  OPTIONAL(ANeuralNetworksDevice_getName, 29)                            \
  OPTIONAL(ANeuralNetworksDevice_getType, 29)                            \
  OPTIONAL(ANeuralNetworksDevice_getVersion, 29)                         \
  OPTIONAL(ANeuralNetworksDevice_getFeatureLevel, 29)                    \
  OPTIONAL(ANeuralNetworksCompilation_createForDevices, 29)              \
  OPTIONAL(ANeuralNetworksCompilation_setCaching, 29)                    \
  OPTIONAL(ANeuralNetworksExecution_compute, 29)                         \
  OPTIONAL(ANeuralNetworksExecution_getOutputOperandRank, 29)            \
  OPTIONAL(ANeuralNetworksExecution_getOutputOperandDimensions, 29)      \
  OPTIONAL(ANeuralNetworksModel_setOperandValueFromModel, 30)            \
  OPTIONAL(ANeuralNetworksCompilation_setPriority, 30)                   \
  OPTIONAL(ANeuralNetworksExecution_setLoopTimeout, 30)                  \
  OPTIONAL(ANeuralNetworksExecution_setReusable, 31)                     \
  EXTRA(nnapi_host_last_error)                                           \
  EXTRA(nnapi_host_last_error_operation)                                 \
  EXTRA(nnapi_host_model_set_strict)                                     \
  EXTRA(nnapi_host_compilation_set_num_threads)                          \
  EXTRA(nnapi_host_compilation_set_memory_limit)                         \
  EXTRA(nnapi_host_execution_set_profiling)                              \
  EXTRA(nnapi_host_execution_get_profile)

namespace nnapi::loader {

class Library {
 public:
  // The library at `path`; a name without a slash is searched for as the dynamic linker does.
  // Throws LibraryError. A library stays loaded until the process ends: it may have threads.
  static std::shared_ptr<const Library> open(const std::string& path);

  // What `open` is given where the caller names none: $NNAPI_LIBRARY, else on Android the
  // phone's, and elsewhere host_path().
  static std::string default_path();

  // Our own library, beside this module: libneuralnetworks.so, on Android
  // libtorch_nnapi_host.so.
  static std::string host_path();

  const std::string& path() const { return path_; }

#define NNAPI_FIELD(function, ...) decltype(&::function) function = nullptr;
  NNAPI_LOADER_FUNCTIONS(NNAPI_FIELD, NNAPI_FIELD, NNAPI_FIELD)
#undef NNAPI_FIELD

  // Throws CallError unless `code` is NO_ERROR; `what` says what the call was about, for the text.
  // Without `operation`, the library is asked which operation it stumbled over.
  void check(int code, const char* call, const std::string& what = "",
             std::optional<uint32_t> operation = {}) const;

  // Throws LibraryError if the optional function is missing; `purpose` says what needs it.
  template <class Function>
  Function need(Function function, const char* name, int level, const char* purpose) const {
    if (function == nullptr) lacks(name, level, purpose);
    return function;
  }

 private:
  Library() = default;
  [[noreturn]] void lacks(const char* name, int level, const char* purpose) const;

  std::string path_;
};

}  // namespace nnapi::loader
