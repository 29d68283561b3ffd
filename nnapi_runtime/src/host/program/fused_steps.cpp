// Steps of an ExecutionFrame that are computed together: block by block, or row by row. What may
// keep the first one from running is the same for all: the deadline.
#include <cmath>
#include <numeric>
#include <span>

#include "host/kernels/row_fusion/row_chain.h"
#include "host/program/execution_frame.h"
#include "host/program/fused_elementwise.h"
#include "host/threads/thread_pool.h"
#include "host/threads/time_limit.h"

namespace nnapi::host {
namespace {

// Gives each step its share of the time that has passed since `start`.
void share_time(Clock::time_point start, std::span<const uint64_t> shares, const Step* steps,
                uint64_t* profile) {
  const auto all = static_cast<double>((Clock::now() - start).count());
  const auto sum = static_cast<double>(std::accumulate(shares.begin(), shares.end(), uint64_t{1}));
  for (size_t i = 0; i < shares.size(); ++i)
    profile[steps[i].number] =
        static_cast<uint64_t>(std::ceil(all * static_cast<double>(shares[i]) / sum));
}

}  // namespace

Status ExecutionFrame::run_group(uint32_t first, const RunContext& context) {
  const auto& steps = program_.steps();
  const FusedElementwise& group = *steps[first].group;
  if (has_passed(context.deadline)) return run_step(steps[first], context);
  const TimeLimit limit(context.deadline);
  if (context.profile == nullptr) {
    group.run(tensors_.data(), ThreadPool::instance(), nullptr);
    return limit.has_cut() ? fail_within(steps[first]) : kOk;
  }
  // Of the first block.
  std::vector<uint64_t> times(group.last_step() - first + 1);
  const Clock::time_point start = Clock::now();
  group.run(tensors_.data(), ThreadPool::instance(), times.data());
  share_time(start, times, &steps[first], context.profile);
  return limit.has_cut() ? fail_within(steps[first]) : kOk;
}

Status ExecutionFrame::run_chain(uint32_t first, const RunContext& context) {
  const auto& steps = program_.steps();
  const RowChain& chain = *steps[first].chain;
  if (has_passed(context.deadline)) return run_step(steps[first], context);
  const uint32_t input = steps[first].operation->inputs[0];
  const uint32_t output = steps[first + chain.stages() - 1].operation->outputs[0];
  RowChain::Profile times;
  const TimeLimit limit(context.deadline);
  const Clock::time_point start = Clock::now();
  chain.run(tensors_[input].data, tensors_[output].data, nodes_[steps[first].number].scratch(),
            ThreadPool::instance(), context.profile ? &times : nullptr);
  if (context.profile)
    share_time(start, std::span(times).first(chain.stages()), &steps[first], context.profile);
  return limit.has_cut() ? fail_within(steps[first]) : kOk;
}

}  // namespace nnapi::host
