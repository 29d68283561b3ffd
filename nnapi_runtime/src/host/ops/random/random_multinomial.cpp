// RANDOM_MULTINOMIAL: draws class indices with the probabilities softmax(logits).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>

#include "host/base/float16.h"
#include "host/kernels/random/philox.h"
#include "host/operation/element_type.h"
#include "host/operation/operation.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kLogits, kSamples, kSeeds };

Status infer(const Node& node) {
  const Shape& logits = node.in(kLogits).shape;
  const Shape& seeds = node.in(kSeeds).shape;
  if (logits.rank() != 2) return node.bad("logits has rank %u, must be 2-D", logits.rank());
  if (seeds.rank() != 1 || seeds[0] != 2) return node.bad("seeds must be 1-D with 2 entries");
  if (!node.known(kSamples)) return node.later();
  const int32_t samples = node.scalar<int32_t>(kSamples);
  if (samples < 0) return node.bad("%d samples, must not be negative", samples);
  if (logits[1] == 0 && logits[0] > 0 && samples > 0)
    return node.bad("there are no classes to draw from");
  node.out(0).shape = {logits[0], static_cast<uint32_t>(samples)};
  return kOk;
}

// Scratch: the summed probabilities of one row.
std::unique_ptr<Prepared> prepare(const Node& node) {
  auto prepared = std::make_unique<Prepared>();
  const Shape& logits = node.in(kLogits).shape;
  if (logits.count() > 0) prepared->scratch_bytes = logits[1] * sizeof(double);
  return prepared;
}

// Two seeds of 0 ask for other numbers in every run.
uint64_t fresh_key() {
  static std::atomic<uint64_t> runs{0};
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return (static_cast<uint64_t>(now) << 8) + runs.fetch_add(1, std::memory_order_relaxed) + 1;
}

Philox generator(const Node& node) {
  const int32_t* seeds = node.in(kSeeds).as<int32_t>();
  const uint64_t key =
      uint64_t{static_cast<uint32_t>(seeds[1])} << 32 | static_cast<uint32_t>(seeds[0]);
  return Philox(key ? key : fresh_key());
}

// sums[i] = sum of exp(logits[0..i] - largest); logits that are not finite have no probability.
template <class T>
double sum_probabilities(const T* logits, size_t classes, double* sums) {
  float largest = std::numeric_limits<float>::lowest();
  for (size_t i = 0; i < classes; ++i)
    if (std::isfinite(to_float(logits[i]))) largest = std::max(largest, to_float(logits[i]));
  double sum = 0;
  for (size_t i = 0; i < classes; ++i) {
    const float logit = to_float(logits[i]);
    if (std::isfinite(logit)) sum += std::exp(static_cast<double>(logit) - largest);
    sums[i] = sum;
  }
  return sum;
}

template <class T>
Status run_typed(const Node& node) {
  const Shape& output = node.out(0).shape;
  const size_t samples = output[1], classes = node.in(kLogits).shape[1];
  const Philox random = generator(node);
  auto* sums = static_cast<double*>(node.scratch());
  int32_t* drawn = node.out(0).as<int32_t>();
  uint64_t counter = 0;
  for (uint32_t row = 0; row < output[0]; ++row) {
    const double total = sum_probabilities(node.in(kLogits).as<T>() + row * classes, classes, sums);
    if (!(total > 0))
      return node.fail(ANEURALNETWORKS_OP_FAILED, "row %u of logits has no finite value", row);
    for (size_t i = 0; i < samples; ++i) {
      // A product may round up to the total, which is beyond every class.
      const double target = random.uniform(counter++) * total;
      const double* found = std::upper_bound(sums, sums + classes, target);
      if (found == sums + classes) found = std::lower_bound(sums, sums + classes, total);
      *drawn++ = static_cast<int32_t>(found - sums);
    }
  }
  return kOk;
}

Status run(const Node& node, const Prepared*) {
  if (node.out(0).count() == 0) return kOk;
  return with_element_type<float, Float16>(
      node, node.in(kLogits).type, [&]<class T>(ElementType<T>) { return run_typed<T>(node); });
}

}  // namespace

NNAPI_OPERATION(RANDOM_MULTINOMIAL, .infer = infer, .prepare = prepare, .run = run);

}  // namespace nnapi::host
