// BOX_WITH_NMS_LIMIT: of scored boxes of many classes, the best of each image that do not overlap
// a better one of their class.
#include <algorithm>
#include <cstring>

#include "host/arithmetic/box_quantization.h"
#include "host/arithmetic/float_views.h"
#include "host/arithmetic/quantization.h"
#include "host/kernels/detection/nms.h"
#include "host/operation/operation.h"
#include "host/operation/shape_checks.h"

namespace nnapi::host {
namespace {

using reference::Box;
using reference::OverlapWeight;

enum Input : uint32_t {
  kScores,  // [boxes, classes]
  kBoxes,   // [boxes, classes * 4]
  kBatch,   // [boxes]: the image of each; those of one image follow each other
  kLeastScore,
  kMost,
  kKernel,
  kOverlap,
  kSigma,
  kLeastLoweredScore
};
enum Output : uint32_t { kScoresOut, kBoxesOut, kClassesOut, kBatchOut };

size_t limit_of(const Node& node) {
  const int32_t most = node.scalar<int32_t>(kMost);
  return most < 0 ? SIZE_MAX : static_cast<size_t>(most);
}

struct Memory {
  Memory(const Node& node, const FloatConstants& constants, ScratchCursor& scratch)
      : in(node, constants, scratch),
        scores(scratch.take<float>(node.in(kScores).count())),
        selected(scratch.take<uint32_t>(node.in(kScores).count())) {}
  FloatInputs in;
  float* scores;  // as they are lowered
  uint32_t* selected;
};

Status infer(const Node& node) {
  for (uint32_t i = kLeastScore; i <= kLeastLoweredScore; ++i)
    if (!node.known(i)) return node.later();
  ShapeChecks checks(node);
  checks.rank(kScores, 2);
  if (checks.status() != kOk) return checks.status();
  const uint32_t boxes = node.in(kScores).shape[0], classes = node.in(kScores).shape[1];
  if (classes < 2) return node.bad("%u classes, must be at least 2: 0 is the background", classes);
  if (classes > UINT32_MAX / 4) return node.bad("%u classes are too many", classes);
  const int32_t kernel = node.scalar<int32_t>(kKernel);
  if (kernel < OverlapWeight::kHard || kernel > OverlapWeight::kGaussian)
    return node.bad("kernel %d, must be 0 (hard), 1 (linear) or 2 (gaussian)", kernel);
  if (kernel == OverlapWeight::kGaussian && !(node.real(kSigma) > 0.0f))
    return node.bad("sigma %g, must be positive", static_cast<double>(node.real(kSigma)));
  const uint64_t candidates = uint64_t{boxes} * (classes - 1);
  const uint64_t most = std::min<uint64_t>(
      candidates, limit_of(node) > UINT32_MAX ? candidates : uint64_t{boxes} * limit_of(node));
  if (most > UINT32_MAX) return node.bad("%u boxes of %u classes are too many", boxes, classes);
  const auto bound = static_cast<uint32_t>(most);
  node.out(kScoresOut).shape = node.out(kClassesOut).shape = node.out(kBatchOut).shape = {bound};
  node.out(kBoxesOut).shape = {bound, 4};
  return checks.shape(kBoxes, {boxes, classes * 4}, "[boxes, classes * 4]")
      .shape(kBatch, {boxes}, "[boxes]")
      .then([&] { return check_box_input(node, kBoxes); })
      .then([&] { return check_box_output(node, kBoxesOut); })
      .then([&] { return check_quantization_kept(node, kScores, kScoresOut); })
      .status();
}

// Fills memory.selected with the chosen scores of one image, boxes [first, first + count), as
// indices from the first on; returns how many.
size_t select(const Node& node, const Memory& memory, uint32_t first, uint32_t count) {
  const uint32_t classes = node.in(kScores).shape[1];
  float* scores = memory.scores + first * size_t{classes};
  const float* corners = memory.in[kBoxes] + first * size_t{classes} * 4;
  const auto box_of = [&](uint32_t i) { return Box::at(corners + i * size_t{4}); };
  const OverlapWeight weight{static_cast<OverlapWeight::Kind>(node.scalar<int32_t>(kKernel)),
                             node.real(kOverlap), node.real(kSigma)};
  const size_t total = reference::select_by_class(
      scores, count, classes, node.real(kLeastScore), limit_of(node), memory.selected,
      [&](uint32_t* candidates, size_t n) {
        return reference::suppress_soft(scores, box_of, weight, node.real(kLeastLoweredScore),
                                        limit_of(node), candidates, n);
      });
  std::sort(memory.selected, memory.selected + total, [&](uint32_t a, uint32_t b) {
    const uint32_t x = a % classes, y = b % classes;
    return x != y ? x < y : reference::ByScore(scores)(a, b);
  });
  return total;
}

Status run(const Node& node, const Prepared* prepared) {
  const Memory memory = floats_of_run<Memory>(node, prepared);
  const uint32_t boxes = node.in(kScores).shape[0], classes = node.in(kScores).shape[1];
  const int32_t* batch = node.in(kBatch).as<int32_t>();
  for (size_t i = 0; i < size_t{boxes} * classes; ++i) {
    const Box box = Box::at(memory.in[kBoxes] + i * 4);
    if (!box.valid())
      return node.bad("box %zu, class %zu, is [%g, %g, %g, %g], must have x1 <= x2 and y1 <= y2",
                      i / classes, i % classes, box.x1, box.y1, box.x2, box.y2);
  }
  std::copy_n(memory.in[kScores], size_t{boxes} * classes, memory.scores);

  const size_t box_bytes = 4 * element_size(node.in(kBoxes).type);
  uint32_t total = 0;
  for (uint32_t first = 0, next; first < boxes; first = next) {
    next = first + 1;
    while (next < boxes && batch[next] == batch[first]) ++next;
    const size_t count = select(node, memory, first, next - first);
    for (size_t k = 0; k < count; ++k, ++total) {
      const size_t i = first * size_t{classes} + memory.selected[k];
      store_floats(memory.scores + i, 1, node.out(kScoresOut), total);
      std::memcpy(node.out(kBoxesOut).as<std::byte>() + total * box_bytes,
                  node.in(kBoxes).as<std::byte>() + i * box_bytes, box_bytes);
      node.out(kClassesOut).as<int32_t>()[total] = static_cast<int32_t>(i % classes);
      node.out(kBatchOut).as<int32_t>()[total] = batch[first];
    }
  }
  node.out(kScoresOut).shape = node.out(kClassesOut).shape = node.out(kBatchOut).shape = {total};
  node.out(kBoxesOut).shape = {total, 4};
  return kOk;
}

}  // namespace

NNAPI_OPERATION(BOX_WITH_NMS_LIMIT, .infer = infer, .prepare = prepare_floats<Memory>, .run = run,
                .bounded_outputs = true);

}  // namespace nnapi::host
