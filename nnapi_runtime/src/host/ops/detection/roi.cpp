// ROI_ALIGN, ROI_POOLING: averages of samples, or maxima, of regions of a feature map.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "host/arithmetic/box_quantization.h"
#include "host/arithmetic/float_views.h"
#include "host/arithmetic/image.h"
#include "host/arithmetic/quantization.h"
#include "host/base/float16.h"
#include "host/kernels/detection/roi.h"
#include "host/operation/element_type.h"
#include "host/operation/prepare_scratch.h"
#include "host/operation/shape_checks.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

using reference::AxisWeights;
using reference::Box;
using reference::CellRange;
using reference::Region;

enum Input : uint32_t {
  kFeatures,
  kRegions,  // [regions, 4], in pixels of the image
  kBatch,    // [regions]: which feature map
  kOutHeight,
  kOutWidth,
  kHeightStride,  // pixels of the image for each cell of the map
  kWidthStride,
  kRest,
};

// Regions in float32; the rest is read in its own type.
struct RegionMemory {
  RegionMemory(const Node& node, ScratchCursor& scratch)
      : corners(scratch.take<float>(node.in(kRegions).count())) {
    if (corners && node.in(kRegions).data) load_floats(node.in(kRegions), corners);
  }
  float* corners;
};

Status check_and_set_shape(const Node& node, bool nchw) {
  ShapeChecks checks(node);
  checks.rank(kFeatures, 4).rank(kRegions, 2);
  if (checks.status() != kOk) return checks.status();
  const uint32_t regions = node.in(kRegions).shape[0];
  for (uint32_t i : {kOutHeight, kOutWidth})
    if (node.scalar<int32_t>(i) <= 0)
      return node.bad("input %u, an output size, is %d, must be positive", i,
                      node.scalar<int32_t>(i));
  for (uint32_t i : {kHeightStride, kWidthStride})
    if (!(node.real(i) > 0.0f))
      return node.bad("input %u, a stride, is %g, must be positive", i,
                      static_cast<double>(node.real(i)));
  Image out = Image::of(node.in(kFeatures).shape, nchw);
  out.batch = regions;
  out.height = node.scalar<int32_t>(kOutHeight);
  out.width = node.scalar<int32_t>(kOutWidth);
  // Each factor is below 2^32: the products of two fit, and then of what is bounded.
  constexpr int64_t kMost = UINT32_MAX;
  if (!out.fits() || out.pixels() > kMost || out.pixels() * out.channels > kMost ||
      out.pixels() * out.channels * out.batch > kMost)
    return node.bad("output of %u regions of %lld by %lld is too large", regions,
                    static_cast<long long>(out.height), static_cast<long long>(out.width));
  node.out(0).shape = out.shape(nchw);
  return checks.shape(kRegions, {regions, 4}, "[regions, 4]")
      .shape(kBatch, {regions}, "[regions]")
      .then([&] { return check_box_input(node, kRegions); })
      .status();
}

// Region i in cells of its feature map.
Region region_at(const Node& node, const float* corners, int64_t i) {
  const float down = 1.0f / node.real(kHeightStride), right = 1.0f / node.real(kWidthStride);
  const float* c = corners + i * 4;
  return {{c[0] * right, c[1] * down, c[2] * right, c[3] * down},
          node.scalar<int32_t>(kOutHeight),
          node.scalar<int32_t>(kOutWidth)};
}

Status check_regions(const Node& node, const float* corners, const Image& features) {
  for (int64_t i = 0, n = node.in(kRegions).shape[0]; i < n; ++i) {
    const int32_t map = node.in(kBatch).as<int32_t>()[i];
    if (map < 0 || map >= features.batch)
      return node.bad("region %d belongs to feature map %d, must be from 0 to %d",
                      static_cast<int>(i), map, static_cast<int>(features.batch) - 1);
    const Box box = region_at(node, corners, i).box;
    const auto inside = [](float at, int64_t size) {
      return at >= 0.0f && at <= static_cast<float>(size);
    };
    if (!box.valid() || !inside(box.x1, features.width) || !inside(box.x2, features.width) ||
        !inside(box.y1, features.height) || !inside(box.y2, features.height))
      return node.bad(
          "region %d is [%g, %g, %g, %g] in cells, must have x1 <= x2 and y1 <= y2 and lie in the "
          "map of %d by %d (width by height)",
          static_cast<int>(i), box.x1, box.y1, box.x2, box.y2, static_cast<int>(features.width),
          static_cast<int>(features.height));
  }
  return kOk;
}

// Where results and features are.
struct Maps {
  Maps(const Node& node, bool nchw)
      : features(Image::of(node.in(kFeatures).shape, nchw)),
        from(ImageStrides::of(features, nchw)),
        to(ImageStrides::of(Image::of(node.out(0).shape, nchw), nchw)) {}
  Image features;
  ImageStrides from, to;
};

// ---- ROI_ALIGN

namespace align {

enum MoreInputs : uint32_t { kSamplesHeight = kRest, kSamplesWidth, kNchw };
constexpr int32_t kMostSamples = 1 << 15;
// Regions are handed out in at most so many pieces, each with its own weights.
constexpr int64_t kPieces = 64;

int64_t grain_of(const Node& node) {
  return std::max<int64_t>(1, (node.in(kRegions).shape[0] + kPieces - 1) / kPieces);
}

struct Memory {
  Memory(const Node& node, ScratchCursor& scratch) : regions(node, scratch) {
    const Image features = Image::of(node.in(kFeatures).shape, node.flag(kNchw));
    size = static_cast<size_t>(features.height + features.width);
    weights = scratch.take<float>(size * kPieces);
  }
  RegionMemory regions;
  size_t size;
  float* weights;  // by piece: of rows, of columns
};

Status infer(const Node& node) {
  for (uint32_t i = kOutHeight; i <= kNchw; ++i)
    if (!node.known(i)) return node.later();
  for (uint32_t i : {kSamplesHeight, kSamplesWidth}) {
    const int32_t samples = node.scalar<int32_t>(i);
    if (samples < 0 || samples > kMostSamples)
      return node.bad("input %u, a number of samples, is %d, must be from 0 to %d", i, samples,
                      kMostSamples);
  }
  if (const Status status = check_and_set_shape(node, node.flag(kNchw)); status != kOk)
    return status;
  if (node.in(kFeatures).count() == 0) return node.bad("the feature map is empty");
  return kOk;
}

// Real values of T, and back.
template <class T>
struct Values {
  explicit Values(const Node&) {}
  float load(T value) const { return to_float(value); }
  T store(float value) const { return from_float<T>(value); }
};
template <class Q>
struct QuantisedValues {
  explicit QuantisedValues(const Node& node)
      : zero_point(node.in(kFeatures).zero_point),
        steps(node.in(kFeatures).scale / node.out(0).scale),
        quantize(node.out(0).zero_point) {}
  float load(Q value) const { return static_cast<float>(value - zero_point); }
  Q store(float value) const { return quantize(value * steps); }
  int32_t zero_point;
  float steps;
  Quantizer<Q> quantize;
};
template <>
struct Values<uint8_t> : QuantisedValues<uint8_t> {
  using QuantisedValues::QuantisedValues;
};
template <>
struct Values<int8_t> : QuantisedValues<int8_t> {
  using QuantisedValues::QuantisedValues;
};

template <class T>
void average(const Values<T>& values, const Maps& maps, const AxisWeights& rows,
             const AxisWeights& columns, const T* features, T* out) {
  constexpr int64_t kBlock = 64;
  for (int64_t first = 0; first < maps.features.channels; first += kBlock) {
    const int64_t count = std::min(kBlock, maps.features.channels - first);
    float sum[kBlock] = {};
    for (int64_t r = 0; r < rows.count; ++r) {
      for (int64_t c = 0; c < columns.count; ++c) {
        const float weight = rows.weight[r] * columns.weight[c];
        if (weight == 0.0f) continue;
        const T* at = features + (rows.first + r) * maps.from.row +
                      (columns.first + c) * maps.from.column + first * maps.from.channel;
        for (int64_t k = 0; k < count; ++k)
          sum[k] += weight * values.load(at[k * maps.from.channel]);
      }
    }
    for (int64_t k = 0; k < count; ++k) out[(first + k) * maps.to.channel] = values.store(sum[k]);
  }
}

Status run(const Node& node, const Prepared*) {
  ScratchCursor scratch(node.scratch());
  const Memory memory(node, scratch);
  const Maps maps(node, node.flag(kNchw));
  const float* corners = memory.regions.corners;
  if (const Status status = check_regions(node, corners, maps.features); status != kOk)
    return status;
  const int64_t grain = grain_of(node);
  return with_element_type<float, Float16, uint8_t, int8_t>(
      node, node.in(kFeatures).type, [&]<class T>(ElementType<T>) {
        const Values<T> values(node);
        parallel_for(
            node.pool(), node.in(kRegions).shape[0], grain, [&](int64_t begin, int64_t end) {
              float* weights = memory.weights + static_cast<size_t>(begin / grain) * memory.size;
              for (int64_t i = begin; i < end; ++i) {
                const T* features =
                    node.in(kFeatures).as<T>() + node.in(kBatch).as<int32_t>()[i] * maps.from.batch;
                T* out = node.out(0).as<T>() + i * maps.to.batch;
                reference::for_each_average(
                    region_at(node, corners, i), node.scalar<int32_t>(kSamplesHeight),
                    node.scalar<int32_t>(kSamplesWidth), maps.features, weights,
                    weights + maps.features.height,
                    [&](int64_t y, int64_t x, const AxisWeights& rows, const AxisWeights& columns) {
                      average(values, maps, rows, columns, features,
                              out + y * maps.to.row + x * maps.to.column);
                    });
              }
            });
      });
}

}  // namespace align

// ---- ROI_POOLING

namespace pooling {

enum MoreInputs : uint32_t { kNchw = kRest };

Status infer(const Node& node) {
  for (uint32_t i = kOutHeight; i <= kNchw; ++i)
    if (!node.known(i)) return node.later();
  if (const Status status = check_and_set_shape(node, node.flag(kNchw)); status != kOk)
    return status;
  return check_quantization_kept(node);
}

template <class T>
void maximum(const Maps& maps, CellRange rows, CellRange columns, T nothing, const T* features,
             T* out) {
  for (int64_t k = 0; k < maps.features.channels; ++k) {
    const T* at = features + k * maps.from.channel;
    T highest = nothing;
    bool first = true;
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      for (int64_t c = columns.begin; c < columns.end; ++c) {
        const T value = at[r * maps.from.row + c * maps.from.column];
        if (first || value > highest) highest = value;
        first = false;
      }
    }
    out[k * maps.to.channel] = highest;
  }
}

Status run(const Node& node, const Prepared*) {
  ScratchCursor scratch(node.scratch());
  const float* corners = RegionMemory(node, scratch).corners;
  const Maps maps(node, node.flag(kNchw));
  const Image& features = maps.features;
  if (const Status status = check_regions(node, corners, features); status != kOk) return status;
  return with_element_type<float, Float16, uint8_t, int8_t>(
      node, node.in(kFeatures).type, [&]<class T>(ElementType<T>) {
        T nothing{};  // stands for zero
        if constexpr (std::is_integral_v<T>)
          nothing = static_cast<T>(node.in(kFeatures).zero_point);
        parallel_for(node.pool(), node.in(kRegions).shape[0], 1, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const auto [box, height, width] = region_at(node, corners, i);
            const T* from =
                node.in(kFeatures).as<T>() + node.in(kBatch).as<int32_t>()[i] * maps.from.batch;
            T* to = node.out(0).as<T>() + i * maps.to.batch;
            for (int64_t y = 0; y < height; ++y) {
              const auto rows =
                  reference::part_of_region(box.y1, box.y2, y, height, features.height);
              for (int64_t x = 0; x < width; ++x)
                maximum(maps, rows,
                        reference::part_of_region(box.x1, box.x2, x, width, features.width),
                        nothing, from, to + y * maps.to.row + x * maps.to.column);
            }
          }
        });
      });
}

}  // namespace pooling
}  // namespace

NNAPI_OPERATION(ROI_ALIGN, .infer = align::infer, .prepare = prepare_scratch<align::Memory>,
                .run = align::run);
NNAPI_OPERATION(ROI_POOLING, .infer = pooling::infer, .prepare = prepare_scratch<RegionMemory>,
                .run = pooling::run);

}  // namespace nnapi::host
