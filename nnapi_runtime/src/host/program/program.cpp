#include "host/program/program.h"

#include <algorithm>

#include "host/arithmetic/element_loop.h"
#include "host/base/error.h"
#include "host/base/operand_types.h"
#include "host/model/node_table.h"
#include "host/model/validation.h"
#include "host/program/elementwise_groups.h"
#include "host/program/execution_frame.h"
#include "host/program/fused_elementwise.h"
#include "host/program/program_arena.h"
#include "host/program/row_fusion.h"
#include "host/program/shared_preparation.h"
#include "host/program/stored_weights.h"

namespace nnapi::host {
namespace {

constexpr size_t kKeptFrames = 64;

// Does the operation run as one loop that needs nothing but the elements of its inputs?
bool is_one_loop(const Operation& implementation, const Model& model,
                 const OperationNode& operation) {
  return implementation.elementwise && std::ranges::all_of(operation.inputs, [&](uint32_t input) {
           const Operand& operand = model.operands()[input];
           if (is_tensor_type(operand.type))
             return operand.type != ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL;
           return operand.lifetime == Lifetime::kConstant || operand.lifetime == Lifetime::kOmitted;
         });
}

}  // namespace

Step::Step() = default;
Step::Step(Step&&) noexcept = default;
Step::~Step() = default;

Program::Program(std::shared_ptr<const Model> model) : model_(std::move(model)) {}
Program::~Program() = default;

Status Program::build(std::shared_ptr<const Model> model, bool relaxed, const Deadline& deadline,
                      ProgramMap* programs, std::shared_ptr<const Program>* program,
                      std::span<const int32_t> apart) {
  if (auto found = programs->find(model.get()); found != programs->end()) {
    *program = found->second;
    return kOk;
  }
  std::shared_ptr<Program> built(new Program(model));
  built->relaxed_ = relaxed;
  for (uint32_t number : model->run_order()) {
    if (Status status = built->add_step(number, deadline, programs)) return status;
    built->steps_.back().apart = !apart.empty() && apart[number] != 0;
  }
  std::vector<ElementLoop> loops;
  if (Status status = built->prepare_steps(deadline, &loops)) return status;
  built->plan(std::move(loops));
  built->frames_.reserve(kKeptFrames);
  programs->emplace(model.get(), built);
  *program = std::move(built);
  return kOk;
}

Status Program::add_step(uint32_t number, const Deadline& deadline, ProgramMap* programs) {
  const OperationNode& operation = model_->operations()[number];
  if (operation.entry->operation == nullptr)
    return refuse(operation, number, "is not implemented by this runtime");
  Step& step = steps_.emplace_back();
  step.number = number;
  step.operation = &operation;
  step.implementation = operation.entry->operation;
  step.fixed = model_->shapes().fixed[number];
  if (!step.fixed) all_fixed_ = false;
  size_t found = 0;
  for (uint32_t index : operation.inputs) {
    const Operand& operand = model_->operands()[index];
    if (operand.lifetime != Lifetime::kModel) continue;
    if (Status status = build(operand.model, relaxed_, deadline, programs, &step.models[found++]))
      return status;
  }
  return kOk;
}

Status Program::prepare_steps(const Deadline& deadline, std::vector<ElementLoop>* loops) {
  loops->resize(steps_.size());
  std::vector<Tensor> tensors = model_->shapes().tensors;
  NodeTable nodes(*model_, tensors.data(), relaxed_);
  SharedPreparation alike(*model_);
  for (size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    if (has_passed(deadline))
      return fail(ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT,
                  "Compilation_finish: out of time before operation %u (%s)", step.number,
                  step.operation->entry->name);
    if (!step.fixed) continue;
    const Node& node = nodes[step.number];
    nodes.clear_message();
    step.prepared = alike.prepare(*step.operation, node);
    if (nodes.message()[0] != '\0') {
      if (model_->strict()) return refuse(*step.operation, step.number, "%s", nodes.message());
      step.fixed = all_fixed_ = false;  // it fails when it runs
      step.prepared = nullptr;
      continue;
    }
    if (!step.apart && node.out(0).count() != 0 &&
        is_one_loop(*step.implementation, *model_, *step.operation))
      (*loops)[i] = loop_of(*step.implementation, node, step.prepared.get());
  }
  return kOk;
}

void Program::plan(std::vector<ElementLoop> loops) {
  for (StoredPair& pair : find_stored_weights(*model_, steps_)) {
    steps_[pair.dequantize].is_stored = true;
    steps_[pair.multiply].stored = std::move(pair.weights);
    steps_[pair.multiply].prepared = nullptr;
  }
  const ElementwiseGroups groups = find_elementwise_groups(*model_, steps_, loops);
  for (RowFusion& chain : find_row_fusions(*model_, steps_))
    steps_[chain.first].chain = std::move(chain.rows);
  ArenaLayout layout = lay_out_arena(*model_, steps_, groups);
  for (const ElementwiseGroup& group : groups.groups)
    steps_[group.first].group =
        std::make_unique<FusedElementwise>(*model_, steps_, group, groups.slots, loops);
  arena_offset_ = std::move(layout.operands);
  for (size_t i = 0; i < steps_.size(); ++i) steps_[i].scratch_offset = layout.scratch[i];
  arena_bytes_ = layout.bytes;
  unshared_bytes_ = layout.unshared_bytes;
}

std::unique_ptr<ExecutionFrame> Program::take_frame() const {
  {
    std::lock_guard lock(mutex_);
    if (!frames_.empty()) {
      auto frame = std::move(frames_.back());
      frames_.pop_back();
      return frame;
    }
  }
  return std::make_unique<ExecutionFrame>(*this);
}

void Program::give_back(std::unique_ptr<ExecutionFrame> frame) const {
  std::lock_guard lock(mutex_);
  if (frames_.size() < kKeptFrames) frames_.push_back(std::move(frame));
}

}  // namespace nnapi::host
