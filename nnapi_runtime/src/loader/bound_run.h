// A computation whose inputs and outputs stay where they are, made again and again.
#pragma once

#include <span>

#include "loader/executor.h"

namespace nnapi::loader {

class BoundRun {
 public:
  // One array for each input and output, which must outlive this, as the executor must. Throws
  // ArgumentError where they do not fit, or the model has outputs of unknown size, and CallError.
  BoundRun(const Executor& executor, std::span<const ConstArray> inputs,
           std::span<void* const> outputs);

  // From now on on another executor of the same model.
  void move_to(const Executor& executor);
  // Reads the inputs and writes the outputs. By one thread at a time. Throws CallError.
  void compute();

 private:
  const Executor* executor_;
  // Without setReusable (before feature level 31), a new one each time.
  Executor::Execution execution_;
  std::vector<ConstArray> inputs_;
  std::vector<void*> outputs_;
  bool reusable_ = false;

  void make_execution();
};

}  // namespace nnapi::loader
