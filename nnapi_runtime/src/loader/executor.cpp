#include "loader/executor.h"

#include <algorithm>
#include <limits>

#include "loader/devices.h"
#include "loader/error.h"

namespace nnapi::loader {
namespace {

constexpr size_t kFirstGuessBytes = 4096;
constexpr uint64_t kMaxOutputBytes = uint64_t{1} << 40;

// Bytes of an array; no overflow, whatever the dimensions.
size_t byte_size(std::span<const uint32_t> dims, size_t element_size) {
  size_t bytes = element_size;
  for (uint32_t dim : dims) {
    if (__builtin_mul_overflow(bytes, size_t{dim}, &bytes)) {
      return std::numeric_limits<size_t>::max();
    }
  }
  return bytes;
}

std::string shape_text(std::span<const uint32_t> dims) {
  std::string text = "(";
  for (size_t i = 0; i < dims.size(); ++i) {
    text += (i ? ", " : "") + (dims[i] == 0 ? std::string("?") : std::to_string(dims[i]));
  }
  return text + (dims.size() == 1 ? ",)" : ")");
}

bool fits(const ConstArray& array, const Border& border) {
  if (!array.element.same_data(border.element)) return false;
  if (border.any_rank) return true;
  return std::equal(array.dims.begin(), array.dims.end(), border.dims.begin(), border.dims.end(),
                    [](uint32_t has, uint32_t wanted) { return wanted == 0 || has == wanted; });
}

}  // namespace

bool Border::known() const {
  return !any_rank && std::find(dims.begin(), dims.end(), 0u) == dims.end();
}

size_t Border::bytes() const { return byte_size(dims, element.size); }

Executor::Executor(std::shared_ptr<const Library> library, std::span<const std::byte> words,
                   std::span<const std::span<const std::byte>> buffers, const Options& options)
    : Executor(std::move(library), read_words(words, buffers), options) {}

Executor::Executor(std::shared_ptr<const Library> library, std::span<const Model> models,
                   const Options& options)
    : library_(std::move(library)),
      loop_timeout_(options.loop_timeout),
      memory_limit_(options.memory_limit) {
  const Model& main = models.front();
  for (uint32_t operand : main.inputs) inputs_.push_back(border_of(main, operand));
  for (uint32_t operand : main.outputs) outputs_.push_back(border_of(main, operand));
  for (const Operation& operation : main.operations) operations_.push_back(operation.code);
  expected_bytes_.assign(outputs_.size(), kFirstGuessBytes);
  model_.emplace(*library_, models, options.relaxed);
  compile(options);
}

Border border_of(const Model& model, uint32_t index) {
  const Operand& operand = model.operands[index];
  const Element element = element_of(operand.type);
  if (!element.holds_data()) {
    throw ModelError("operand " + std::to_string(index) + " is an input or output of type " +
                     std::to_string(operand.type) + ", which no array can be");
  }
  return {operand.type,
          element,
          operand.scale,
          operand.zero_point,
          {operand.dims.begin(), operand.dims.end()},
          operand.dims.empty() && !element.scalar};
}

#define NNAPI_CALL(function, what, ...) \
  library_->check(library_->function(__VA_ARGS__), #function, what)

void Executor::compile(const Options& options) {
  ANeuralNetworksCompilation* handle = nullptr;
  if (options.devices.empty()) {
    NNAPI_CALL(ANeuralNetworksCompilation_create, "", model_->main(), &handle);
  } else {
    const auto devices = choose_devices(*library_, options.devices);
    NNAPI_CALL(ANeuralNetworksCompilation_createForDevices, "", model_->main(), devices.data(),
               static_cast<uint32_t>(devices.size()), &handle);
  }
  compilation_ = {handle, library_->ANeuralNetworksCompilation_free};
  NNAPI_CALL(ANeuralNetworksCompilation_setPreference, "", handle, options.preference);
  if (options.priority != 0 && library_->ANeuralNetworksCompilation_setPriority != nullptr) {
    NNAPI_CALL(ANeuralNetworksCompilation_setPriority, "", handle, options.priority);
  }
  if (options.num_threads != 0 && library_->nnapi_host_compilation_set_num_threads != nullptr) {
    NNAPI_CALL(nnapi_host_compilation_set_num_threads, "", handle, options.num_threads);
  }
  if (library_->nnapi_host_compilation_set_memory_limit != nullptr) {
    NNAPI_CALL(nnapi_host_compilation_set_memory_limit, "", handle, memory_limit_.bytes,
               memory_limit_.times_inputs);
  }
  if (!options.cache_directory.empty() &&
      library_->ANeuralNetworksCompilation_setCaching != nullptr) {
    NNAPI_CALL(ANeuralNetworksCompilation_setCaching, "", handle, options.cache_directory.c_str(),
               options.cache_token.data());
  }
  NNAPI_CALL(ANeuralNetworksCompilation_finish, "", handle);
}

Executor::Execution Executor::new_execution(bool profiling) const {
  ANeuralNetworksExecution* handle = nullptr;
  NNAPI_CALL(ANeuralNetworksExecution_create, "", compilation_.get(), &handle);
  Execution execution(handle, library_->ANeuralNetworksExecution_free);
  if (profiling) NNAPI_CALL(nnapi_host_execution_set_profiling, "", handle, true);
  // A library without loops needs no limit for them.
  if (loop_timeout_ != 0 && library_->ANeuralNetworksExecution_setLoopTimeout != nullptr) {
    NNAPI_CALL(ANeuralNetworksExecution_setLoopTimeout, "", handle, loop_timeout_);
  }
  return execution;
}

std::vector<std::vector<uint32_t>> Executor::run(std::span<const ConstArray> inputs,
                                                 const Allocate& allocate) {
  std::vector<std::vector<uint32_t>> dims;
  compute_once(false, inputs, allocate, &dims);
  return dims;
}

std::vector<uint64_t> Executor::profile(std::span<const ConstArray> inputs,
                                        const Allocate& allocate) {
  if (library_->nnapi_host_execution_set_profiling == nullptr ||
      library_->nnapi_host_execution_get_profile == nullptr) {
    throw LibraryError(library_->path() +
                       " does not measure single operations; only the library that nnapi_runtime "
                       "brings along does");
  }
  std::vector<std::vector<uint32_t>> dims;
  const Execution execution = compute_once(true, inputs, allocate, &dims);
  std::vector<uint64_t> nanoseconds(operations_.size());
  NNAPI_CALL(nnapi_host_execution_get_profile, "", execution.get(), nanoseconds.data(),
             static_cast<uint32_t>(nanoseconds.size()));
  return nanoseconds;
}

Executor::Execution Executor::compute_once(bool profiling, std::span<const ConstArray> inputs,
                                           const Allocate& allocate,
                                           std::vector<std::vector<uint32_t>>* dims) {
  std::vector<size_t> bytes(outputs_.size());
  {
    std::lock_guard lock(mutex_);
    bytes = expected_bytes_;
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].known()) bytes[i] = outputs_[i].bytes();
  }
  Execution execution;
  for (;;) {
    execution = new_execution(profiling);
    set_inputs(execution.get(), inputs);
    check_outputs(inputs, bytes);
    for (uint32_t i = 0; i < outputs_.size(); ++i) {
      set_output(execution.get(), i, allocate(i, bytes[i]), bytes[i]);
    }
    const int code = compute(execution.get());
    if (code != ANEURALNETWORKS_OUTPUT_INSUFFICIENT_SIZE) {
      library_->check(code, "ANeuralNetworksExecution_compute");
      break;
    }
    // The library now knows how large the outputs are; an execution can't be changed once it began.
    bool grown = false;
    for (uint32_t i = 0; i < outputs_.size(); ++i) {
      if (outputs_[i].known()) continue;
      const size_t needed = byte_size(output_dims(execution.get(), i), outputs_[i].element.size);
      grown = grown || needed > bytes[i];
      bytes[i] = std::max(bytes[i], needed);
    }
    if (!grown) library_->check(code, "ANeuralNetworksExecution_compute");
  }
  for (uint32_t i = 0; i < outputs_.size(); ++i) {
    dims->push_back(outputs_[i].known() ? outputs_[i].dims : output_dims(execution.get(), i));
    if (byte_size(dims->back(), outputs_[i].element.size) > bytes[i]) {
      throw CallError(ANEURALNETWORKS_OP_FAILED, "ANeuralNetworksExecution_compute", {},
                      library_->path() + " reports output " + std::to_string(i) +
                          " larger than the memory it was given");
    }
  }
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < bytes.size(); ++i) {
    expected_bytes_[i] = std::max(expected_bytes_[i], bytes[i]);
  }
  return execution;
}

void Executor::set_inputs(ANeuralNetworksExecution* execution,
                          std::span<const ConstArray> inputs) const {
  if (inputs.size() != inputs_.size()) {
    throw ArgumentError("the model has " + std::to_string(inputs_.size()) + " inputs, not " +
                        std::to_string(inputs.size()));
  }
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    const Border& border = inputs_[i];
    const ConstArray& array = inputs[i];
    const std::string which = "input " + std::to_string(i);
    if (array.data == nullptr) {
      NNAPI_CALL(ANeuralNetworksExecution_setInput, which, execution, static_cast<int32_t>(i),
                 nullptr, nullptr, 0);
      continue;
    }
    if (!fits(array, border)) {
      throw ArgumentError(which + " is " + dtype_name(border.element) +
                          (border.any_rank ? " of any shape" : " " + shape_text(border.dims)) +
                          ", not " + dtype_name(array.element) + " " + shape_text(array.dims));
    }
    const size_t bytes = byte_size(array.dims, array.element.size);
    if (bytes == 0) {
      throw ArgumentError(which + " has no elements " + shape_text(array.dims) +
                          "; NNAPI takes no empty inputs");
    }
    const ANeuralNetworksOperandType type = {border.type, static_cast<uint32_t>(array.dims.size()),
                                             array.dims.data(), border.scale, border.zero_point};
    NNAPI_CALL(ANeuralNetworksExecution_setInput, which, execution, static_cast<int32_t>(i),
               border.known() ? nullptr : &type, array.data, bytes);
  }
}

void Executor::check_outputs(std::span<const ConstArray> inputs,
                             std::span<const size_t> bytes) const {
  const auto add = [](uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; };
  uint64_t limit = 0, all = 0;
  for (const ConstArray& input : inputs) {
    if (input.data != nullptr) limit = add(limit, byte_size(input.dims, input.element.size));
  }
  if (__builtin_mul_overflow(limit, memory_limit_.times_inputs, &limit)) limit = UINT64_MAX;
  limit = std::min(add(limit, memory_limit_.bytes), kMaxOutputBytes);
  for (const size_t one : bytes) all = add(all, one);
  if (all <= limit) return;
  throw CallError(ANEURALNETWORKS_OUT_OF_MEMORY, "ANeuralNetworksExecution_setOutput", {},
                  "the outputs take " + std::to_string(all) + " bytes; the memory limit is " +
                      std::to_string(limit) + " bytes");
}

void Executor::set_output(ANeuralNetworksExecution* execution, uint32_t i, void* data,
                          size_t bytes) const {
  NNAPI_CALL(ANeuralNetworksExecution_setOutput, "output " + std::to_string(i), execution,
             static_cast<int32_t>(i), nullptr, data, bytes);
}

int Executor::compute(ANeuralNetworksExecution* execution) const {
  if (library_->ANeuralNetworksExecution_compute != nullptr) {
    return library_->ANeuralNetworksExecution_compute(execution);
  }
  ANeuralNetworksEvent* event = nullptr;
  NNAPI_CALL(ANeuralNetworksExecution_startCompute, "", execution, &event);
  const Owned<ANeuralNetworksEvent> owned(event, library_->ANeuralNetworksEvent_free);
  return library_->ANeuralNetworksEvent_wait(event);
}

std::vector<uint32_t> Executor::output_dims(ANeuralNetworksExecution* execution, uint32_t i) const {
  const auto rank_of = library_->need(library_->ANeuralNetworksExecution_getOutputOperandRank,
                                      "ANeuralNetworksExecution_getOutputOperandRank", 29,
                                      "an unknown output shape");
  const auto dims_of = library_->need(library_->ANeuralNetworksExecution_getOutputOperandDimensions,
                                      "ANeuralNetworksExecution_getOutputOperandDimensions", 29,
                                      "an unknown output shape");
  // After a run that lacked memory both answer OUTPUT_INSUFFICIENT_SIZE, and give the shape.
  const auto check = [&](int code, const char* call) {
    if (code != ANEURALNETWORKS_OUTPUT_INSUFFICIENT_SIZE) {
      library_->check(code, call, "output " + std::to_string(i));
    }
  };
  uint32_t rank = 0;
  check(rank_of(execution, static_cast<int32_t>(i), &rank),
        "ANeuralNetworksExecution_getOutputOperandRank");
  std::vector<uint32_t> dims(rank);
  if (rank != 0) {
    check(dims_of(execution, static_cast<int32_t>(i), dims.data()),
          "ANeuralNetworksExecution_getOutputOperandDimensions");
  }
  return dims;
}

}  // namespace nnapi::loader
