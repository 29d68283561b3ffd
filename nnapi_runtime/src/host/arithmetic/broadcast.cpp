#include "host/arithmetic/broadcast.h"

namespace nnapi::host {
namespace {

// Dimension `from_end` of the shape, counted from the last one; 1 beyond the first.
uint32_t dimension(const Shape& shape, uint32_t from_end) {
  return from_end < shape.rank() ? shape[shape.rank() - 1 - from_end] : 1;
}

}  // namespace

Status infer_broadcast(const Node& node, uint32_t a, uint32_t b) {
  const Shape& x = node.in(a).shape;
  const Shape& y = node.in(b).shape;
  Shape out;
  out.resize(std::max(x.rank(), y.rank()));
  for (uint32_t i = 0; i < out.rank(); ++i) {
    const uint32_t dx = dimension(x, i), dy = dimension(y, i);
    if (dx != dy && dx != 1 && dy != 1) {
      return node.bad("inputs %u and %u do not broadcast: %u against %u, dimension %u from the end",
                      a, b, dx, dy, i + 1);
    }
    out[out.rank() - 1 - i] = dx == 1 ? dy : dx;
  }
  node.out(0).shape = out;
  return kOk;
}

Broadcast::Broadcast(const Shape& a, const Shape& b) {
  size_t a_count = 1, b_count = 1;
  bool first = true;
  for (uint32_t i = 0; i < std::max(a.rank(), b.rank()); ++i) {
    const size_t da = dimension(a, i), db = dimension(b, i);
    const size_t size = da == 1 ? db : da;
    count_ *= size;
    if (size == 1) continue;
    const size_t a_stride = da == 1 ? 0 : a_count;
    const size_t b_stride = db == 1 ? 0 : b_count;
    a_count *= da;
    b_count *= db;
    Loop& loop = loops_[depth_ - 1];
    if (first) {
      loop = {size, a_stride, b_stride};
      first = false;
    } else if ((loop.a_stride != 0) == (a_stride != 0) && (loop.b_stride != 0) == (b_stride != 0)) {
      loop.size *= size;
    } else {
      loops_[depth_++] = {size, a_stride, b_stride};
    }
  }
  // A single element: one run of one, along which both operands may as well advance.
  if (first) loops_[0] = {1, 1, 1};
}

}  // namespace nnapi::host
