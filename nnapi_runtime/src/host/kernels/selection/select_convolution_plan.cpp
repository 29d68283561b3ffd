#include "host/kernels/selection/select_convolution_plan.h"

#include "host/kernels/depthwise/depthwise_plan.h"
#include "host/kernels/matmul/implicit_gemm_plan.h"
#include "host/kernels/matmul/single_row_plan.h"
#include "host/kernels/matmul/transposed_conv_plan.h"
#include "host/kernels/winograd/winograd_plan.h"

namespace nnapi::host {

std::unique_ptr<ConvolutionPlan> plan_convolution(const Convolution& c, const void* weights,
                                                  const void* bias) {
  if (c.out.count() == 0) return nullptr;
  if (weights)
    if (auto spread = plan_spreading(c, weights, bias)) return spread;
  std::unique_ptr<PackedPlan> plan = plan_single_row(c);
  if (!plan) plan = plan_depthwise(c);
  if (!plan && weights) plan = plan_winograd(c);
  if (!plan) plan = plan_grids(c);
  if (!plan || !plan->finish(weights, bias)) return nullptr;
  return plan;
}

}  // namespace nnapi::host
