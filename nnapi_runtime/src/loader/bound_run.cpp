#include "loader/bound_run.h"

#include "loader/error.h"

namespace nnapi::loader {

BoundRun::BoundRun(const Executor& executor, std::span<const ConstArray> inputs,
                   std::span<void* const> outputs)
    : executor_(&executor),
      inputs_(inputs.begin(), inputs.end()),
      outputs_(outputs.begin(), outputs.end()),
      reusable_(executor.library().ANeuralNetworksExecution_setReusable != nullptr) {
  for (uint32_t i = 0; i < executor.outputs().size(); ++i) {
    if (!executor.outputs()[i].known()) {
      throw ArgumentError("output " + std::to_string(i) +
                          " has no fixed shape, so it cannot stay in one place");
    }
  }
  make_execution();
}

void BoundRun::make_execution() {
  const Library& library = executor_->library();
  execution_ = executor_->new_execution(false);
  if (reusable_) {
    library.check(library.ANeuralNetworksExecution_setReusable(execution_.get(), true),
                  "ANeuralNetworksExecution_setReusable");
  }
  executor_->set_inputs(execution_.get(), inputs_);
  for (uint32_t i = 0; i < outputs_.size(); ++i) {
    executor_->set_output(execution_.get(), i, outputs_[i], executor_->outputs()[i].bytes());
  }
}

void BoundRun::move_to(const Executor& executor) {
  executor_ = &executor;
  reusable_ = executor.library().ANeuralNetworksExecution_setReusable != nullptr;
  make_execution();
}

void BoundRun::compute() {
  if (!reusable_) make_execution();
  executor_->library().check(executor_->compute(execution_.get()),
                             "ANeuralNetworksExecution_compute");
}

}  // namespace nnapi::loader
