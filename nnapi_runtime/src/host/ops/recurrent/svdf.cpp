// SVDF: a fully connected layer over the last frames of a sequence, of low rank: each filter
// projects a frame onto one number, remembers the last `memory` of these, and weighs them.
#include <algorithm>

#include "host/arithmetic/cell_activation.h"
#include "host/arithmetic/float_views.h"
#include "host/kernels/matmul/matrix_vector.h"
#include "host/operation/operation.h"
#include "host/operation/shape_checks.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kInput, kFeatureWeights, kTimeWeights, kBias, kState, kRank, kActivation };
enum Output : uint32_t { kStateOut, kOut };

struct Memory {
  Memory(const Node& node, const FloatConstants& constants, ScratchCursor& scratch)
      : in(node, constants, scratch),
        state(node, kStateOut, scratch),
        out(node, kOut, scratch),
        filtered(scratch.take<float>(node.in(kInput).shape[0] *
                                     size_t{node.in(kFeatureWeights).shape[0]})) {}
  FloatInputs in;
  FloatOutput state, out;
  float* filtered;  // [batch, filters]
};

Status infer(const Node& node) {
  if (!node.known(kRank) || (node.has(kActivation) && !node.known(kActivation)))
    return node.later();
  ShapeChecks checks(node);
  checks.rank(kInput, 2).rank(kFeatureWeights, 2).rank(kTimeWeights, 2).then([&] {
    return check_cell_activation(node, node.scalar<int32_t>(kActivation));
  });
  if (checks.status() != kOk) return checks.status();

  const int32_t rank = node.scalar<int32_t>(kRank);
  const uint32_t batch = node.in(kInput).shape[0], size = node.in(kInput).shape[1];
  const uint32_t filters = node.in(kFeatureWeights).shape[0];
  const uint32_t memory = node.in(kTimeWeights).shape[1];
  if (rank <= 0 || filters % static_cast<uint32_t>(rank) != 0)
    return node.bad("rank %d, must be a positive divisor of the %u filters", rank, filters);
  if (memory == 0) return node.bad("input %u: a memory of no frames", kTimeWeights);
  const uint32_t units = filters / static_cast<uint32_t>(rank);
  const uint64_t remembered = uint64_t{memory} * filters;
  if (remembered > UINT32_MAX)
    return node.bad("%u filters with %u frames each are too many", filters, memory);
  const Shape state{batch, static_cast<uint32_t>(remembered)};
  checks.shape(kFeatureWeights, {filters, size}, "[filters, input size]")
      .shape(kTimeWeights, {filters, memory}, "[filters, memory]")
      .optional(kBias, {units}, "[units]")
      .shape(kState, state, "[batch, memory * filters]");
  node.out(kStateOut).shape = state;
  node.out(kOut).shape = {batch, units};
  return checks.status();
}

Status run(const Node& node, const Prepared* prepared) {
  const auto [in, state, out, filtered] = floats_of_run<Memory>(node, prepared);
  const int64_t batch = node.in(kInput).shape[0], size = node.in(kInput).shape[1];
  const int64_t filters = node.in(kFeatureWeights).shape[0];
  const int64_t memory = node.in(kTimeWeights).shape[1];
  const int64_t units = node.out(kOut).shape[1], rank = units ? filters / units : 0;

  std::fill_n(filtered, batch * filters, 0.0f);
  accumulate_products(node.pool(), in[kFeatureWeights], filters, size, {in[kInput], size},
                      {filtered, filters}, batch);
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t u = 0; u < units; ++u) {
      float sum = in[kBias] ? in[kBias][u] : 0.0f;
      for (int64_t f = u * rank; f < (u + 1) * rank; ++f) {
        // The last place of the state is free: the newest number goes there, weighs in, and then
        // all move on by one.
        const float* old = in[kState] + (b * filters + f) * memory;
        float* kept = state.data() + (b * filters + f) * memory;
        const float* weights = in[kTimeWeights] + f * memory;
        const float newest = filtered[b * filters + f];
        float weighted = newest * weights[memory - 1];
        for (int64_t t = 0; t + 1 < memory; ++t) weighted += old[t] * weights[t];
        for (int64_t t = 0; t + 2 < memory; ++t) kept[t] = old[t + 1];
        if (memory > 1) kept[memory - 2] = newest;
        kept[memory - 1] = 0.0f;
        sum += weighted;
      }
      out.data()[b * units + u] = sum;
    }
  }
  activate(static_cast<CellActivation>(node.scalar<int32_t>(kActivation)), out.data(),
           batch * units);
  state.store();
  out.store();
  return kOk;
}

}  // namespace

NNAPI_OPERATION(SVDF, .infer = infer, .prepare = prepare_floats<Memory>, .run = run);

}  // namespace nnapi::host
