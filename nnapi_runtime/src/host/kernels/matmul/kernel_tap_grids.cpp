#include "host/kernels/matmul/kernel_tap_grids.h"

#include <algorithm>

namespace nnapi::host {
namespace {

// One axis of a grid, and the taps along it.
struct Line {
  Grid::Axis axis;
  struct Tap {
    int64_t index, at;
  };
  std::vector<Tap> taps;
};

std::vector<Line> lines_of(const WindowAxis& w, int64_t out, bool transposed) {
  std::vector<Line> lines;
  if (!transposed) {
    Line line{{out, 0, 1, w.stride}, {}};
    for (int64_t k = 0; k < w.filter; ++k) line.taps.push_back({k, k * w.dilation - w.before});
    lines.push_back(std::move(line));
    return lines;
  }
  for (int64_t phase = 0; phase < std::min(w.stride, out); ++phase) {
    Line line{{(out - phase + w.stride - 1) / w.stride, phase, w.stride, 1}, {}};
    for (int64_t k = 0; k < w.filter; ++k) {
      const int64_t distance = phase + w.before - k;
      if (distance % w.stride == 0) line.taps.push_back({k, distance / w.stride});
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

constexpr int64_t kMaxWideDepth = 64, kMaxWideTaps = 64;

bool has_wide_taps(const Convolution& c) {
  return !c.transposed && c.groups == 1 && c.y.filter <= kMaxWideTaps && c.x.filter > 1 &&
         c.x.dilation == 1 && c.weight.column == c.in.channels * c.weight.in &&
         c.x.filter * c.in.channels <= kMaxWideDepth;
}

}  // namespace

std::vector<Grid> grids_of(const Convolution& c) {
  std::vector<Grid> grids;
  std::vector<Line> columns = lines_of(c.x, c.out.width, c.transposed);
  const int64_t tap_pixels = has_wide_taps(c) ? c.x.filter : 1;
  if (tap_pixels > 1) columns[0].taps.resize(1);
  for (const Line& y : lines_of(c.y, c.out.height, c.transposed))
    for (const Line& x : columns) {
      Grid grid{y.axis, x.axis, {}, tap_pixels, tap_pixels * c.group_in()};
      for (const Line::Tap& ky : y.taps)
        for (const Line::Tap& kx : x.taps)
          grid.taps.push_back({ky.at, kx.at, ky.index * c.weight.row + kx.index * c.weight.column});
      grids.push_back(std::move(grid));
    }
  return grids;
}

}  // namespace nnapi::host
