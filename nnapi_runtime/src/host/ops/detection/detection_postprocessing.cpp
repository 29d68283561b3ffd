// DETECTION_POSTPROCESSING: the end of a single-shot detector. Anchors are moved by deltas and the
// best boxes that do not overlap a better one are listed.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "host/arithmetic/float_views.h"
#include "host/kernels/detection/nms.h"
#include "host/operation/operation.h"
#include "host/operation/shape_checks.h"

namespace nnapi::host {
namespace {

using reference::Box;
using reference::ByScore;

enum Input : uint32_t {
  kScores,   // [batch, anchors, classes]
  kDeltas,   // [batch, anchors, 4 or more]: dy, dx, dh, dw
  kAnchors,  // [anchors, 4]: centre y and x, height, width
  kScaleY,
  kScaleX,
  kScaleH,
  kScaleW,
  kRegular,  // suppression by class; else one for all classes
  kMost,
  kMostClasses,   // of one detection; not regular
  kMostPerClass,  // regular
  kLeastScore,
  kOverlap,
  kWithBackground
};
enum Output : uint32_t { kScoresOut, kBoxesOut, kClassesOut, kCount };

struct Memory {
  Memory(const Node& node, const FloatConstants& constants, ScratchCursor& scratch)
      : in(node, constants, scratch),
        scores_out(node, kScoresOut, scratch),
        boxes_out(node, kBoxesOut, scratch) {
    const Shape& scores = node.in(kScores).shape;
    boxes = scratch.take<Box>(scores[1]);
    best_scores = scratch.take<float>(scores[1]);
    selected = scratch.take<uint32_t>(scores.count(1, 3));
    classes = scratch.take<uint32_t>(scores[2]);
  }
  FloatInputs in;
  FloatOutput scores_out, boxes_out;
  Box* boxes;          // of one image, by anchor; x is down and y is right
  float* best_scores;  // by anchor, of all classes
  uint32_t *selected, *classes;
};

Status infer(const Node& node) {
  for (uint32_t i = kScaleY; i <= kWithBackground; ++i)
    if (!node.known(i)) return node.later();
  ShapeChecks checks(node);
  checks.rank(kScores, 3).rank(kDeltas, 3);
  if (checks.status() != kOk) return checks.status();
  const Shape& scores = node.in(kScores).shape;
  const uint32_t batch = scores[0], anchors = scores[1], classes = scores[2];
  const uint32_t code_size = node.in(kDeltas).shape[2];
  if (classes < 2) return node.bad("%u classes, must be at least 2: 0 is the background", classes);
  if (code_size < 4) return node.bad("%u deltas for each box, must be at least 4", code_size);
  for (uint32_t i = kScaleY; i <= kScaleW; ++i)
    if (!(node.real(i) > 0.0f))
      return node.bad("input %u, a scale, is %g, must be positive", i,
                      static_cast<double>(node.real(i)));
  for (uint32_t i : {kLeastScore, kOverlap})
    if (!(node.real(i) >= 0.0f))
      return node.bad("input %u, a threshold, is %g, must not be negative", i,
                      static_cast<double>(node.real(i)));
  const bool regular = node.flag(kRegular);
  for (uint32_t i : {kMost, regular ? kMostPerClass : kMostClasses})
    if (node.scalar<int32_t>(i) <= 0)
      return node.bad("input %u, a limit, is %d, must be positive", i, node.scalar<int32_t>(i));
  const uint64_t listed = uint64_t(node.scalar<int32_t>(kMost)) *
                          uint64_t(regular ? 1 : node.scalar<int32_t>(kMostClasses));
  if (listed > INT32_MAX) return node.bad("limits of detections and classes are too large");
  const auto n = static_cast<uint32_t>(listed);
  node.out(kScoresOut).shape = node.out(kClassesOut).shape = {batch, n};
  node.out(kBoxesOut).shape = {batch, n, 4};
  node.out(kCount).shape = {batch};
  return checks.shape(kDeltas, {batch, anchors, code_size}, "[batch, anchors, 4 or more]")
      .shape(kAnchors, {anchors, 4}, "[anchors, 4]")
      .status();
}

void decode(const Node& node, const Memory& memory, const float* deltas) {
  const uint32_t anchors = node.in(kScores).shape[1], code_size = node.in(kDeltas).shape[2];
  const float* anchor = memory.in[kAnchors];
  for (uint32_t a = 0; a < anchors; ++a, anchor += 4, deltas += code_size) {
    const float y = anchor[0] + anchor[2] * deltas[0] / node.real(kScaleY);
    const float x = anchor[1] + anchor[3] * deltas[1] / node.real(kScaleX);
    const float h = anchor[2] * std::exp(deltas[2] / node.real(kScaleH)) * 0.5f;
    const float w = anchor[3] * std::exp(deltas[3] / node.real(kScaleW)) * 0.5f;
    memory.boxes[a] = {y - h, x - w, y + h, x + w};
  }
}

// Where the detections of one image go.
class Listing {
 public:
  Listing(const Node& node, const Memory& memory, size_t image)
      : first_label_(node.flag(kWithBackground) ? 0 : 1),
        scores_(memory.scores_out.data() + image * node.out(kScoresOut).shape[1]),
        boxes_(memory.boxes_out.data() + image * node.out(kScoresOut).shape[1] * 4),
        classes_(node.out(kClassesOut).as<int32_t>() + image * node.out(kScoresOut).shape[1]) {}

  void add(float score, const Box& box, uint32_t c) {
    scores_[count_] = score;
    float* to = boxes_ + count_ * 4;
    to[0] = box.x1, to[1] = box.y1, to[2] = box.x2, to[3] = box.y2;
    classes_[count_++] = static_cast<int32_t>(c) - first_label_;
  }
  int32_t count() const { return static_cast<int32_t>(count_); }

 private:
  int32_t first_label_;
  float *scores_, *boxes_;
  int32_t* classes_;
  size_t count_ = 0;
};

void list_by_class(const Node& node, const Memory& memory, const float* scores, Listing* listing) {
  const uint32_t anchors = node.in(kScores).shape[1], classes = node.in(kScores).shape[2];
  const auto box_of = [&](uint32_t i) { return memory.boxes[i / classes]; };
  const size_t count = reference::select_by_class(
      scores, anchors, classes, node.real(kLeastScore),
      static_cast<size_t>(node.scalar<int32_t>(kMost)), memory.selected,
      [&](uint32_t* candidates, size_t n) {
        return reference::suppress_hard(scores, box_of, node.real(kOverlap),
                                        static_cast<size_t>(node.scalar<int32_t>(kMostPerClass)),
                                        candidates, n);
      });
  for (size_t k = 0; k < count; ++k) {
    const uint32_t i = memory.selected[k];
    listing->add(scores[i], box_of(i), i % classes);
  }
}

// One suppression with the best score of each box, then the best classes of each.
void list_at_once(const Node& node, const Memory& memory, const float* scores, Listing* listing) {
  const uint32_t anchors = node.in(kScores).shape[1], classes = node.in(kScores).shape[2];
  size_t candidates = 0;
  for (uint32_t a = 0; a < anchors; ++a) {
    const float* of_box = scores + size_t{a} * classes;
    memory.best_scores[a] = *std::max_element(of_box + 1, of_box + classes);
    if (memory.best_scores[a] > node.real(kLeastScore)) memory.selected[candidates++] = a;
  }
  const size_t count = reference::suppress_hard(
      memory.best_scores, [&](uint32_t a) { return memory.boxes[a]; }, node.real(kOverlap),
      static_cast<size_t>(node.scalar<int32_t>(kMost)), memory.selected, candidates);
  const uint32_t listed =
      std::min(classes - 1, static_cast<uint32_t>(node.scalar<int32_t>(kMostClasses)));
  for (size_t k = 0; k < count; ++k) {
    const uint32_t a = memory.selected[k];
    const float* of_box = scores + size_t{a} * classes;
    std::iota(memory.classes, memory.classes + classes - 1, 1u);
    std::partial_sort(memory.classes, memory.classes + listed, memory.classes + classes - 1,
                      ByScore(of_box));
    for (uint32_t c = 0; c < listed; ++c)
      listing->add(of_box[memory.classes[c]], memory.boxes[a], memory.classes[c]);
  }
}

Status run(const Node& node, const Prepared* prepared) {
  const Memory memory = floats_of_run<Memory>(node, prepared);
  std::fill_n(memory.scores_out.data(), node.out(kScoresOut).count(), 0.0f);
  std::fill_n(memory.boxes_out.data(), node.out(kBoxesOut).count(), 0.0f);
  std::fill_n(node.out(kClassesOut).as<int32_t>(), node.out(kClassesOut).count(), 0);
  const Shape& scores = node.in(kScores).shape;
  for (size_t image = 0; image < scores[0]; ++image) {
    decode(node, memory, memory.in[kDeltas] + image * node.in(kDeltas).shape.count(1, 3));
    Listing listing(node, memory, image);
    const float* of_image = memory.in[kScores] + image * scores.count(1, 3);
    if (node.flag(kRegular)) {
      list_by_class(node, memory, of_image, &listing);
    } else {
      list_at_once(node, memory, of_image, &listing);
    }
    node.out(kCount).as<int32_t>()[image] = listing.count();
  }
  memory.scores_out.store();
  memory.boxes_out.store();
  return kOk;
}

}  // namespace

NNAPI_OPERATION(DETECTION_POSTPROCESSING, .infer = infer, .prepare = prepare_floats<Memory>,
                .run = run);

}  // namespace nnapi::host
