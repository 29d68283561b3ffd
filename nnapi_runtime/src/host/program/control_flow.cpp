#include "host/program/control_flow.h"

#include "host/program/execution_frame.h"

namespace nnapi::host {
namespace {

// What a context says of operations, it says of the main model's.
RunContext inner_context(const RunContext& outer, const ExecutionFrame& frame) {
  RunContext context = outer;
  context.memory_limit = frame.memory_left();
  context.profile = nullptr;
  context.wrong_by = {};
  return context;
}

// Gives a value of the outer model, or of an earlier round, to input i of the model that `inner`
// runs.
Status give_value(const Program& program, uint32_t i, const Tensor& value, ExecutionFrame& inner,
                  std::string* message) {
  std::string why;
  if (!agrees(program.model().operands()[program.model().inputs()[i]], value.shape, &why)) {
    *message = "value " + std::to_string(i) + " for the inner model: " + why;
    return ANEURALNETWORKS_BAD_DATA;
  }
  inner.set_input(i, value.data, value.shape);
  return kOk;
}

// The step's input values from `first` on.
Status give_values(const ExecutionFrame& outer, const Step& step, uint32_t first,
                   const Program& program, ExecutionFrame& inner, std::string* message) {
  const auto& inputs = step.operation->inputs;
  for (uint32_t i = first; i < inputs.size(); ++i) {
    if (outer.is_omitted(inputs[i]))
      inner.omit_input(i - first);
    else if (Status status =
                 give_value(program, i - first, outer.tensor(inputs[i]), inner, message))
      return status;
  }
  return kOk;
}

Status run_inner(const ExecutionFrame& outer, ExecutionFrame& inner, const char* role,
                 const RunContext& context, std::string* message) {
  const Status status = inner.run(inner_context(context, outer));
  if (status != kOk) *message = std::string("in the ") + role + " model: " + inner.failure().text;
  return status;
}

void keep_outputs(ExecutionFrame& inner, const Program& program) {
  for (uint32_t i = 0; i < program.model().outputs().size(); ++i) inner.set_output(i, nullptr, 0);
}

Status run_if(ExecutionFrame& frame, const Step& step, const RunContext& context,
              std::string* message) {
  const bool condition = *frame.tensor(step.operation->inputs[kIfCondition]).as<uint8_t>() != 0;
  const Program& program = *step.models[condition ? 0 : 1];
  FrameLease branch(program);
  if (Status status = give_values(frame, step, kIfFirstValue, program, *branch, message))
    return status;
  keep_outputs(*branch, program);
  if (Status status = run_inner(frame, *branch, condition ? "then" : "else", context, message))
    return status;
  for (uint32_t i = 0; i < step.operation->outputs.size(); ++i)
    if (Status status = frame.assign(step.operation->outputs[i], branch->output(i), message))
      return status;
  return kOk;
}

// The body's first outputs become its first inputs of the next round. Two frames take turns, so
// that a round reads what the last one wrote.
Status run_while(ExecutionFrame& frame, const Step& step, const RunContext& context,
                 std::string* message) {
  const Program& condition_program = *step.models[0];
  const Program& body_program = *step.models[1];
  FrameLease condition(condition_program), even(body_program), odd(body_program);
  ExecutionFrame* last = nullptr;  // holds the values of the last round
  keep_outputs(*condition, condition_program);
  keep_outputs(*even, body_program);
  keep_outputs(*odd, body_program);
  const uint32_t carried = body_program.model().outputs().size();
  auto give_state = [&](const Program& program, ExecutionFrame& inner) -> Status {
    if (Status status = give_values(frame, step, kWhileFirstValue, program, inner, message))
      return status;
    for (uint32_t i = 0; last != nullptr && i < carried; ++i)
      if (Status status = give_value(program, i, last->output(i), inner, message)) return status;
    return kOk;
  };

  // The loop's own time ends what is computed in it, too.
  const Clock::time_point end = Clock::now() + context.loop_timeout;
  RunContext within = context;
  if (!within.deadline || end < *within.deadline) within.deadline = end;
  const auto run_part = [&](ExecutionFrame& inner, const char* role) -> Status {
    const Status status = run_inner(frame, inner, role, within, message);
    if (status == ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT && Clock::now() >= end)
      *message = "the loop's time is over";
    return status;
  };
  for (;;) {
    if (Status status = give_state(condition_program, *condition)) return status;
    if (Status status = run_part(*condition, "condition")) return status;
    if (*condition->output(0).as<uint8_t>() == 0) break;
    if (Clock::now() > end) {
      *message = "the loop's time is over";
      return ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT;
    }
    ExecutionFrame& next = last == &*even ? *odd : *even;
    if (Status status = give_state(body_program, next)) return status;
    if (Status status = run_part(next, "body")) return status;
    last = &next;
  }
  for (uint32_t i = 0; i < step.operation->outputs.size(); ++i) {
    const uint32_t input = step.operation->inputs[kWhileFirstValue + i];
    if (last == nullptr && frame.is_omitted(input)) {
      *message = "value " + std::to_string(i) + " is omitted, but an output";
      return ANEURALNETWORKS_BAD_DATA;
    }
    const Tensor& value = last != nullptr ? last->output(i) : frame.tensor(input);
    if (Status status = frame.assign(step.operation->outputs[i], value, message)) return status;
  }
  return kOk;
}

// Which model runs, and with it the output shapes, is never known before.
Status infer(const Node& node) { return node.later(); }

Status run(const Node& node, const Prepared*) {
  return node.fail(ANEURALNETWORKS_OP_FAILED, "control flow is run by the frame");
}

}  // namespace

Status run_control_flow(ExecutionFrame& frame, const Step& step, const RunContext& context,
                        std::string* message) {
  return step.implementation->code == ANEURALNETWORKS_IF ? run_if(frame, step, context, message)
                                                         : run_while(frame, step, context, message);
}

NNAPI_OPERATION(IF, .infer = infer, .run = run);
NNAPI_OPERATION(WHILE, .infer = infer, .run = run);

}  // namespace nnapi::host
