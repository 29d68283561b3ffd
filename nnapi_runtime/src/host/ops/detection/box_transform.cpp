// AXIS_ALIGNED_BBOX_TRANSFORM: moves boxes by deltas, one set for each class, and clips them to
// their images.
#include <algorithm>

#include "host/arithmetic/box_quantization.h"
#include "host/arithmetic/float_views.h"
#include "host/kernels/detection/box.h"
#include "host/operation/operation.h"
#include "host/operation/shape_checks.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kBoxes, kDeltas, kBatch, kImages };

struct Memory {
  Memory(const Node& node, const FloatConstants& constants, ScratchCursor& scratch)
      : in(node, constants, scratch), out(node, 0, scratch) {}
  FloatInputs in;
  FloatOutput out;
};

Status infer(const Node& node) {
  ShapeChecks checks(node);
  checks.rank(kBoxes, 2).rank(kDeltas, 2).rank(kImages, 2);
  if (checks.status() != kOk) return checks.status();
  const uint32_t boxes = node.in(kBoxes).shape[0], classes = node.in(kDeltas).shape[1] / 4;
  const uint32_t images = node.in(kImages).shape[0];
  if (classes == 0 || images == 0)
    return node.bad("%u classes and %u images, must be at least one", classes, images);
  node.out(0).shape = {boxes, classes * 4};
  return checks.shape(kBoxes, {boxes, 4}, "[boxes, 4]")
      .shape(kDeltas, {boxes, classes * 4}, "[boxes, classes * 4]")
      .shape(kBatch, {boxes}, "[boxes]")
      .shape(kImages, {images, 2}, "[images, 2]")
      .then([&] { return check_box_input(node, kBoxes); })
      .then([&] { return check_box_input(node, kImages); })
      .then([&] { return check_box_output(node, 0); })
      .status();
}

Status run(const Node& node, const Prepared* prepared) {
  const auto [in, out] = floats_of_run<Memory>(node, prepared);
  const uint32_t classes = node.in(kDeltas).shape[1] / 4, images = node.in(kImages).shape[0];
  float* moved = out.data();
  const float* deltas = in[kDeltas];
  for (uint32_t i = 0, n = node.in(kBoxes).shape[0]; i < n; ++i) {
    const int32_t image = node.in(kBatch).as<int32_t>()[i];
    if (image < 0 || static_cast<uint32_t>(image) >= images)
      return node.bad("box %u belongs to image %d, must be from 0 to %u", i, image, images - 1);
    const reference::Box box = reference::Box::at(in[kBoxes] + i * size_t{4});
    if (!box.valid())
      return node.bad("box %u is [%g, %g, %g, %g], must have x1 <= x2 and y1 <= y2", i, box.x1,
                      box.y1, box.x2, box.y2);
    const float* size = in[kImages] + image * ptrdiff_t{2};
    for (uint32_t c = 0; c < classes; ++c, deltas += 4, moved += 4) {
      const reference::Box result = move(box, deltas, size[0], size[1]);
      moved[0] = result.x1, moved[1] = result.y1, moved[2] = result.x2, moved[3] = result.y2;
    }
  }
  out.store();
  return kOk;
}

}  // namespace

NNAPI_OPERATION(AXIS_ALIGNED_BBOX_TRANSFORM, .infer = infer, .prepare = prepare_floats<Memory>,
                .run = run);

}  // namespace nnapi::host
