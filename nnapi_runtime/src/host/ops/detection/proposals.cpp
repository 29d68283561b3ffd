// GENERATE_PROPOSALS: boxes of a region proposal network. At each place of a feature map the
// anchors are moved by deltas; of the best of these, small ones and such that lie outside of the
// image are dropped, and overlapping ones suppressed.
#include <algorithm>
#include <numeric>

#include "host/arithmetic/box_quantization.h"
#include "host/arithmetic/float_views.h"
#include "host/arithmetic/image.h"
#include "host/arithmetic/quantization.h"
#include "host/kernels/detection/nms.h"
#include "host/operation/operation.h"
#include "host/operation/shape_checks.h"

namespace nnapi::host {
namespace {

using reference::Box;

enum Input : uint32_t {
  kScores,
  kDeltas,
  kAnchors,
  kImages,
  kHeightStride,
  kWidthStride,
  kMostBefore,
  kMostAfter,
  kOverlap,
  kLeastSize,
  kNchw
};
enum Output : uint32_t { kScoresOut, kBoxesOut, kBatchOut };

Image scores_of(const Node& node) { return Image::of(node.in(kScores).shape, node.flag(kNchw)); }

// Boxes of one image before the suppression.
size_t boxes_of(const Image& scores) {
  return static_cast<size_t>(scores.pixels() * scores.channels);
}

size_t limit_of(const Node& node, uint32_t scalar, size_t count) {
  const int32_t most = node.scalar<int32_t>(scalar);
  return most > 0 ? std::min<size_t>(count, static_cast<size_t>(most)) : count;
}

struct Memory {
  Memory(const Node& node, const FloatConstants& constants, ScratchCursor& scratch)
      : in(node, constants, scratch) {
    const size_t boxes = boxes_of(scores_of(node));
    scores = scratch.take<float>(boxes);
    corners = scratch.take<float>(boxes * 4);
    selected = scratch.take<uint32_t>(boxes);
  }
  FloatInputs in;
  float *scores, *corners;  // of one image, [height, width, anchors]
  uint32_t* selected;
};

Status infer(const Node& node) {
  for (uint32_t i = kHeightStride; i <= kNchw; ++i)
    if (!node.known(i)) return node.later();
  ShapeChecks checks(node);
  checks.rank(kScores, 4).rank(kDeltas, 4);
  if (checks.status() != kOk) return checks.status();
  const Image scores = scores_of(node);
  Image deltas = scores;
  deltas.channels *= 4;
  if (!deltas.fits()) return node.bad("too many anchors");
  const auto images = static_cast<uint32_t>(scores.batch);
  const auto anchors = static_cast<uint32_t>(scores.channels);
  checks.shape(kDeltas, deltas.shape(node.flag(kNchw)), "the scores', with 4 * anchors")
      .shape(kAnchors, {anchors, 4}, "[anchors, 4]")
      .shape(kImages, {images, 2}, "[images, 2]")
      .then([&] { return check_box_input(node, kAnchors); })
      .then([&] { return check_box_input(node, kImages); })
      .then([&] { return check_quantization_kept(node, kScores, kScoresOut); })
      .then([&] { return check_box_output(node, kBoxesOut); });
  const size_t before = limit_of(node, kMostBefore, boxes_of(scores));
  const auto most = static_cast<uint32_t>(images * limit_of(node, kMostAfter, before));
  node.out(kScoresOut).shape = node.out(kBatchOut).shape = {most};
  node.out(kBoxesOut).shape = {most, 4};
  return checks.status();
}

// Scores and moved boxes of one image, in the order [height, width, anchors].
void move_anchors(const Node& node, const Memory& memory, int64_t image) {
  const Image scores = scores_of(node);
  const int64_t anchors = scores.channels;
  Image deltas = scores;
  deltas.channels *= 4;
  const ImageStrides from = ImageStrides::of(scores, node.flag(kNchw));
  const ImageStrides delta = ImageStrides::of(deltas, node.flag(kNchw));
  const float* size = memory.in[kImages] + image * 2;
  size_t k = 0;
  for (int64_t h = 0; h < scores.height; ++h) {
    const float down = static_cast<float>(h) * node.real(kHeightStride);
    for (int64_t w = 0; w < scores.width; ++w) {
      const float right = static_cast<float>(w) * node.real(kWidthStride);
      const float* score = memory.in[kScores] + image * from.batch + h * from.row + w * from.column;
      const float* d = memory.in[kDeltas] + image * delta.batch + h * delta.row + w * delta.column;
      for (int64_t a = 0; a < anchors; ++a, ++k) {
        const Box anchor = Box::at(memory.in[kAnchors] + a * 4);
        const Box there{anchor.x1 + right, anchor.y1 + down, anchor.x2 + right, anchor.y2 + down};
        float deltas_here[4];
        for (int64_t i = 0; i < 4; ++i) deltas_here[i] = d[(a * 4 + i) * delta.channel];
        const Box moved = move(there, deltas_here, size[0], size[1]);
        float* to = memory.corners + k * 4;
        to[0] = moved.x1, to[1] = moved.y1, to[2] = moved.x2, to[3] = moved.y2;
        memory.scores[k] = score[a * from.channel];
      }
    }
  }
}

// Fills memory.selected; returns how many boxes of the image are proposed.
size_t propose(const Node& node, const Memory& memory, int64_t image) {
  const size_t count = boxes_of(scores_of(node));
  uint32_t* selected = memory.selected;
  std::iota(selected, selected + count, 0u);
  const size_t best = limit_of(node, kMostBefore, count);
  if (best < count)
    std::nth_element(selected, selected + best, selected + count,
                     reference::ByScore(memory.scores));
  const auto box_of = [&](uint32_t i) { return Box::at(memory.corners + i * size_t{4}); };
  const float* size = memory.in[kImages] + image * 2;
  const float least = node.real(kLeastSize);
  uint32_t* end = std::remove_if(selected, selected + best, [&](uint32_t i) {
    const Box box = box_of(i);
    return !(box.width() > least && box.height() > least && box.x1 + box.width() / 2 < size[1] &&
             box.y1 + box.height() / 2 < size[0]);
  });
  return reference::suppress_hard(memory.scores, box_of, node.real(kOverlap),
                                  limit_of(node, kMostAfter, count), selected,
                                  static_cast<size_t>(end - selected));
}

Status run(const Node& node, const Prepared* prepared) {
  const Memory memory = floats_of_run<Memory>(node, prepared);
  const Image scores = scores_of(node);
  for (int64_t a = 0; a < scores.channels; ++a) {
    const Box box = Box::at(memory.in[kAnchors] + a * 4);
    if (!box.valid())
      return node.bad("anchor %d is [%g, %g, %g, %g], must have x1 <= x2 and y1 <= y2",
                      static_cast<int>(a), box.x1, box.y1, box.x2, box.y2);
  }
  uint32_t total = 0;
  for (int64_t image = 0; image < scores.batch; ++image) {
    move_anchors(node, memory, image);
    const size_t count = propose(node, memory, image);
    for (size_t k = 0; k < count; ++k, ++total) {
      const uint32_t i = memory.selected[k];
      store_floats(memory.scores + i, 1, node.out(kScoresOut), total);
      store_floats(memory.corners + i * size_t{4}, 4, node.out(kBoxesOut), total * size_t{4});
      node.out(kBatchOut).as<int32_t>()[total] = static_cast<int32_t>(image);
    }
  }
  node.out(kScoresOut).shape = node.out(kBatchOut).shape = {total};
  node.out(kBoxesOut).shape = {total, 4};
  return kOk;
}

}  // namespace

NNAPI_OPERATION(GENERATE_PROPOSALS, .infer = infer, .prepare = prepare_floats<Memory>, .run = run,
                .bounded_outputs = true);

}  // namespace nnapi::host
