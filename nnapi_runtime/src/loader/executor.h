// A model compiled and ready to run, by any number of threads at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "loader/built_model.h"
#include "loader/element.h"
#include "loader/library.h"
#include "loader/model_words.h"

namespace nnapi::loader {

// How much memory the outputs of a run may take, and as much again what lies between its inputs and
// outputs (in our own library).
struct MemoryLimit {
  uint64_t bytes = UINT64_MAX;
  uint32_t times_inputs = 0;  // so many times the bytes of the inputs besides
};

struct Options {
  bool relaxed = false;  // float32 may be computed with the range and precision of float16
  int32_t preference = ANEURALNETWORKS_PREFER_SUSTAINED_SPEED;
  uint32_t num_threads = 0;  // at most; 0: the library decides. Only our own library listens.
  int32_t priority = 0;      // of ANEURALNETWORKS_PRIORITY_*; 0: the library decides
  std::vector<std::string> devices;  // by name or type, as choose_devices takes them; none: any
  uint64_t loop_timeout = 0;         // nanoseconds that a WHILE may take; 0: NNAPI's default
  MemoryLimit memory_limit;
  // Where the library may keep what compiling made, under a token that is this model's alone; an
  // empty directory: nowhere.
  std::string cache_directory;
  std::array<uint8_t, ANEURALNETWORKS_BYTE_SIZE_OF_CACHE_TOKEN> cache_token = {};
};

// What a model says about one of its inputs or outputs.
struct Border {
  int32_t type = 0;
  Element element;
  float scale = 0.0f;
  int32_t zero_point = 0;
  std::vector<uint32_t> dims;  // 0 is unknown
  bool any_rank = false;       // a tensor without dimensions: not even its rank is known

  bool known() const;
  // Of a border that is known; the largest number where that overflows.
  size_t bytes() const;
};

// Of an operand that is an input or output of `model`. Throws ModelError for one that no array can
// be.
Border border_of(const Model& model, uint32_t operand);

// An array in row-major order. As an input without data: an optional input that is not given.
struct ConstArray {
  const void* data = nullptr;
  Element element;
  std::vector<uint32_t> dims;
};

// Where an output goes: `bytes` of memory at `data`; `dims` are filled in by the run.
struct OutputBuffer {
  void* data = nullptr;
  size_t bytes = 0;
  std::vector<uint32_t> dims;
};

class Executor {
 public:
  // What the words and buffers point to must outlive the executor: nothing is copied.
  // Throws LibraryError, ModelError and CallError.
  Executor(std::shared_ptr<const Library> library, std::span<const std::byte> words,
           std::span<const std::span<const std::byte>> buffers, const Options& options);
  // Of models as read_words gives them, which need not outlive it; what they point to must.
  Executor(std::shared_ptr<const Library> library, std::span<const Model> models,
           const Options& options);

  const Library& library() const { return *library_; }
  std::span<const Border> inputs() const { return inputs_; }
  std::span<const Border> outputs() const { return outputs_; }
  // Codes of the main model's operations.
  std::span<const int32_t> operations() const { return operations_; }

  // Provides memory of at least `bytes` for output `i`; called again, with more bytes, where an
  // output of unknown size turned out to be larger than guessed.
  using Allocate = std::function<void*(size_t i, size_t bytes)>;

  // Computes once. Returns each output's dimensions. Throws ArgumentError for inputs that do not
  // fit the model, and CallError.
  std::vector<std::vector<uint32_t>> run(std::span<const ConstArray> inputs,
                                         const Allocate& allocate);

  // Like run, and returns the nanoseconds that each operation of the main model took. Throws
  // LibraryError where the library is not ours.
  std::vector<uint64_t> profile(std::span<const ConstArray> inputs, const Allocate& allocate);

  // ---- the steps of a run, for those that keep an execution

  using Execution = Owned<ANeuralNetworksExecution>;

  Execution new_execution(bool profiling) const;
  void set_inputs(ANeuralNetworksExecution* execution, std::span<const ConstArray> inputs) const;
  void set_output(ANeuralNetworksExecution* execution, uint32_t i, void* data, size_t bytes) const;
  // Throws CallError where outputs of so many bytes in all are beyond the limit for these inputs.
  void check_outputs(std::span<const ConstArray> inputs, std::span<const size_t> bytes) const;
  // Returns the library's result code.
  int compute(ANeuralNetworksExecution* execution) const;

 private:
  void compile(const Options& options);
  // Computes once; the execution as it is afterwards, and the dimensions of the outputs.
  Execution compute_once(bool profiling, std::span<const ConstArray> inputs,
                         const Allocate& allocate, std::vector<std::vector<uint32_t>>* dims);
  std::vector<uint32_t> output_dims(ANeuralNetworksExecution* execution, uint32_t i) const;

  std::shared_ptr<const Library> library_;
  uint64_t loop_timeout_ = 0;
  MemoryLimit memory_limit_;
  std::vector<Border> inputs_;
  std::vector<Border> outputs_;
  std::vector<int32_t> operations_;
  std::optional<BuiltModel> model_;
  Owned<ANeuralNetworksCompilation> compilation_;

  // The largest size seen of each output of unknown size.
  std::mutex mutex_;
  std::vector<size_t> expected_bytes_;
};

}  // namespace nnapi::loader
