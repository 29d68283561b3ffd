// Reduction of a dense tensor along any set of axes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "host/arithmetic/vector_loop.h"
#include "host/tensor/tensor.h"
#include "host/threads/grain_size.h"

namespace nnapi::host {

// A tensor's dimensions, with neighbours of the same kind merged: kept ones, which the output has,
// and reduced ones. The innermost group of all is called the run, since it is contiguous.
class Reduction {
 public:
  Reduction(const Shape& shape, const std::array<bool, kMaxRank>& reduced) {
    size_t stride = 1;
    for (uint32_t i = shape.rank(); i-- > 0;) {
      const size_t size = shape[i];
      (reduced[i] ? reduced_count_ : kept_count_) *= size;
      if (size == 1) continue;
      if (depth_ > 0 && groups_[depth_ - 1].reduced == reduced[i]) {
        groups_[depth_ - 1].size *= size;
      } else {
        groups_[depth_++] = {size, stride, reduced[i]};
      }
      stride *= size;
    }
  }

  size_t kept_count() const { return kept_count_; }
  size_t reduced_count() const { return reduced_count_; }

  size_t run_size() const { return groups_[0].size; }
  bool run_is_reduced() const { return groups_[0].reduced; }
  // Is every output that of one run?
  bool is_of_rows() const { return run_is_reduced() && depth_ <= 2; }

  // Offset in the input of output run number `index`, counted over the kept groups but the run.
  size_t kept_offset(size_t index) const {
    size_t offset = 0;
    for (uint32_t i = 1; i < depth_; ++i) {
      if (groups_[i].reduced) continue;
      offset += index % groups_[i].size * groups_[i].stride;
      index /= groups_[i].size;
    }
    return offset;
  }

  // Calls body(offset) for every combination of the reduced groups but the run.
  template <class Body>
  void for_reduced(Body&& body) const {
    std::array<size_t, kMaxRank> index{};
    size_t offset = 0;
    for (;;) {
      body(offset);
      uint32_t i = 1;
      for (; i < depth_; ++i) {
        if (!groups_[i].reduced) continue;
        offset += groups_[i].stride;
        if (++index[i] < groups_[i].size) break;
        offset -= groups_[i].size * groups_[i].stride;
        index[i] = 0;
      }
      if (i >= depth_) return;
    }
  }

 private:
  struct Group {
    size_t size = 1, stride = 1;
    bool reduced = true;
  };
  std::array<Group, kMaxRank> groups_;  // innermost first
  uint32_t depth_ = 0;
  size_t kept_count_ = 1, reduced_count_ = 1;
};

// Op: Carry start(), Carry step(Carry, In), Carry join(Carry, Carry) of two partial results, and
// Out result(Carry).
template <class In, class Out, class Op>
void reduce(ThreadPool& pool, const Reduction& shape, const In* in, Out* out, Op op) {
  using Carry = typename Op::Carry;
  if (shape.kept_count() == 0) return;
  if (shape.reduced_count() == 0) {
    std::fill_n(out, shape.kept_count(), op.result(op.start()));
    return;
  }
  const size_t run = shape.run_size();
  const double in_a_microsecond = 8192.0 / static_cast<double>(shape.reduced_count());

  if (shape.run_is_reduced()) {
    // Independent partial results let the compiler use vectors without reordering anything itself.
    constexpr size_t kLanes = 16;
    const auto count = static_cast<int64_t>(shape.kept_count());
    parallel_loop(pool, count, grain_size(count, in_a_microsecond),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i) {
                      const In* base = in + shape.kept_offset(static_cast<size_t>(i));
                      Carry lanes[kLanes];
                      std::fill_n(lanes, kLanes, op.start());
                      shape.for_reduced([&](size_t offset) {
                        const In* x = base + offset;
                        size_t j = 0;
                        for (; j + kLanes <= run; j += kLanes)
                          for (size_t k = 0; k < kLanes; ++k)
                            lanes[k] = Op::step(lanes[k], x[j + k]);
                        for (; j < run; ++j) lanes[0] = Op::step(lanes[0], x[j]);
                      });
                      for (size_t k = 1; k < kLanes; ++k) lanes[0] = Op::join(lanes[0], lanes[k]);
                      out[i] = op.result(lanes[0]);
                    }
                  });
    return;
  }

  // The run is kept: whole pieces of it are reduced side by side.
  constexpr size_t kBlock = 64;
  const size_t blocks = (run + kBlock - 1) / kBlock;
  const auto count = static_cast<int64_t>(shape.kept_count() / run * blocks);
  parallel_loop(pool, count, grain_size(count, in_a_microsecond / kBlock),
                [&](int64_t begin, int64_t end) {
                  for (int64_t i = begin; i < end; ++i) {
                    const size_t row = static_cast<size_t>(i) / blocks;
                    const size_t start = static_cast<size_t>(i) % blocks * kBlock;
                    const size_t n = std::min(kBlock, run - start);
                    const In* base = in + shape.kept_offset(row) + start;
                    Carry carries[kBlock];
                    std::fill_n(carries, n, op.start());
                    // Several at a time: carries are in memory meanwhile.
                    std::array<const In*, 4> x;
                    size_t held = 0;
                    shape.for_reduced([&](size_t offset) {
                      x[held++] = base + offset;
                      if (held < x.size()) return;
                      held = 0;
                      for (size_t j = 0; j < n; ++j)
                        for (size_t k = 0; k < x.size(); ++k)
                          carries[j] = Op::step(carries[j], x[k][j]);
                    });
                    for (size_t k = 0; k < held; ++k)
                      for (size_t j = 0; j < n; ++j) carries[j] = Op::step(carries[j], x[k][j]);
                    Out* y = out + row * run + start;
                    for (size_t j = 0; j < n; ++j) y[j] = op.result(carries[j]);
                  }
                });
}

}  // namespace nnapi::host
