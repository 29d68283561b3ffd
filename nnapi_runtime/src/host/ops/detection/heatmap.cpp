// HEATMAP_MAX_KEYPOINT: the highest place of each keypoint's heat map, between its cells, and where
// that is in the map's box.
#include <algorithm>
#include <cfloat>
#include <cmath>

#include "host/arithmetic/box_quantization.h"
#include "host/arithmetic/float_views.h"
#include "host/arithmetic/image.h"
#include "host/kernels/detection/box.h"
#include "host/operation/operation.h"
#include "host/operation/shape_checks.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kHeatmaps, kBoxes, kNchw };
enum Output : uint32_t { kScores, kKeypoints };

Image heatmaps_of(const Node& node) {
  return Image::of(node.in(kHeatmaps).shape, node.flag(kNchw));
}

struct Memory {
  Memory(const Node& node, const FloatConstants& constants, ScratchCursor& scratch)
      : in(node, constants, scratch),
        scores(node, kScores, scratch),
        keypoints(node, kKeypoints, scratch) {}
  FloatInputs in;
  FloatOutput scores, keypoints;
};

Status infer(const Node& node) {
  if (!node.known(kNchw)) return node.later();
  ShapeChecks checks(node);
  checks.rank(kHeatmaps, 4);
  if (checks.status() != kOk) return checks.status();
  const Image maps = heatmaps_of(node);
  if (maps.height != maps.width || maps.height < 2)
    return node.bad("heat maps of %lld by %lld cells, must be square and at least 2 by 2",
                    static_cast<long long>(maps.height), static_cast<long long>(maps.width));
  const auto boxes = static_cast<uint32_t>(maps.batch);
  const auto keypoints = static_cast<uint32_t>(maps.channels);
  node.out(kScores).shape = {boxes, keypoints};
  node.out(kKeypoints).shape = {boxes, keypoints, 2};
  return checks.shape(kBoxes, {boxes, 4}, "[boxes, 4]")
      .then([&] { return check_box_input(node, kBoxes); })
      .then([&] { return check_box_output(node, kKeypoints); })
      .status();
}

// The extremum, relative to the centre, of the second-order surface through nine cells.
struct Peak {
  float x = 0.0f, y = 0.0f, score;
};

Peak refine(const float (&cell)[3][3], float tolerance) {
  Peak peak{.score = cell[1][1]};
  const float dx = (cell[1][2] - cell[1][0]) / 2.0f, dy = (cell[2][1] - cell[0][1]) / 2.0f;
  const float dxx = cell[1][0] - 2.0f * cell[1][1] + cell[1][2];
  const float dyy = cell[0][1] - 2.0f * cell[1][1] + cell[2][1];
  const float dxy = (cell[2][2] - cell[2][0] - cell[0][2] + cell[0][0]) / 4.0f;
  const float determinant = dxx * dyy - dxy * dxy;
  if (std::abs(determinant) < tolerance + tolerance * (dxx * dyy)) return peak;
  peak.x = (dxy * dy - dyy * dx) / determinant;
  peak.y = (dxy * dx - dxx * dy) / determinant;
  // Farther than that the surface says nothing.
  constexpr float kMost = 1.5f;
  const float farthest = std::max(std::abs(peak.x), std::abs(peak.y));
  if (farthest > kMost) peak.x *= kMost / farthest, peak.y *= kMost / farthest;
  peak.score +=
      dx * peak.x + dy * peak.y +
      ((dxx * peak.x + dxy * peak.y) * peak.x + (dxy * peak.x + dyy * peak.y) * peak.y) / 2.0f;
  return peak;
}

// Of one map of size by size cells.
Peak find_peak(const float* map, int64_t row, int64_t column, int64_t size, float tolerance) {
  float highest = -FLT_MAX;
  int64_t y = 0, x = 0;
  for (int64_t h = 0; h < size; ++h)
    for (int64_t w = 0; w < size; ++w)
      if (highest < map[h * row + w * column]) highest = map[h * row + w * column], y = h, x = w;
  const auto mirrored = [size](int64_t i) { return i < 0 ? 1 : i >= size ? size - 2 : i; };
  float cell[3][3];
  for (int64_t h = 0; h < 3; ++h)
    for (int64_t w = 0; w < 3; ++w)
      cell[h][w] = map[mirrored(y + h - 1) * row + mirrored(x + w - 1) * column];
  Peak peak = refine(cell, tolerance);
  peak.x += static_cast<float>(x);
  peak.y += static_cast<float>(y);
  return peak;
}

Status run(const Node& node, const Prepared* prepared) {
  const auto [in, scores, keypoints] = floats_of_run<Memory>(node, prepared);
  const Image maps = heatmaps_of(node);
  const ImageStrides strides = ImageStrides::of(maps, node.flag(kNchw));
  const bool half = node.in(kHeatmaps).type == ANEURALNETWORKS_TENSOR_FLOAT16;
  const float tolerance = half ? 1e-3f : 1e-5f;
  for (int64_t i = 0; i < maps.batch; ++i) {
    const auto box = reference::Box::at(in[kBoxes] + i * 4);
    if (!box.valid())
      return node.bad("box %d is [%g, %g, %g, %g], must have x1 <= x2 and y1 <= y2",
                      static_cast<int>(i), box.x1, box.y1, box.x2, box.y2);
  }
  const auto size = static_cast<float>(maps.height);
  const int64_t grain = std::max<int64_t>(1, 16 * 1024 / maps.pixels());
  parallel_for(node.pool(), maps.batch * maps.channels, grain,
               [&, &in = in, &scores = scores, &keypoints = keypoints](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t b = i / maps.channels, channel = i % maps.channels;
                   const auto box = reference::Box::at(in[kBoxes] + b * 4);
                   const float* map = in[kHeatmaps] + b * strides.batch + channel * strides.channel;
                   const Peak peak =
                       find_peak(map, strides.row, strides.column, maps.height, tolerance);
                   scores.data()[i] = peak.score;
                   keypoints.data()[2 * i] = (peak.x + 0.5f) / size * box.width() + box.x1;
                   keypoints.data()[2 * i + 1] = (peak.y + 0.5f) / size * box.height() + box.y1;
                 }
               });
  scores.store();
  keypoints.store();
  return kOk;
}

}  // namespace

NNAPI_OPERATION(HEATMAP_MAX_KEYPOINT, .infer = infer, .prepare = prepare_floats<Memory>,
                .run = run);

}  // namespace nnapi::host
