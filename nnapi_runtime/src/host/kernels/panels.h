// Weights in the order in which the loops of simd/tile.h read them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "host/kernels/convolution.h"
#include "host/kernels/grid.h"
#include "host/kernels/simd/tile.h"

namespace nnapi::host {

// How the output channels of one group are cut into panels: as few as the loops allow, of nearly
// the same width.
class Panels {
 public:
  Panels(const Convolution& c, const TileLoops& loops, const Grid& grid);

  int64_t per_group() const { return per_group_; }
  int64_t first_column(int64_t panel) const { return first_vector(panel) * loops_.lanes; }
  int vectors(int64_t panel) const {
    return static_cast<int>(first_vector(panel + 1) - first_vector(panel));
  }
  int columns(int64_t panel) const;  // of its width that exist
  size_t bytes() const { return group_bytes_ * static_cast<size_t>(groups_); }  // of all groups
  size_t offset(int64_t group, int64_t panel) const {
    return group_bytes_ * static_cast<size_t>(group) +
           vector_bytes_ * static_cast<size_t>(first_vector(panel));
  }

  // Fills bytes() with weights and bias (null: zero) of a whole convolution.
  void pack(const void* weights, const void* bias, char* to) const;

 private:
  // Of a group. Where not all panels are alike, the wider ones lie evenly among the others.
  int64_t first_vector(int64_t panel) const { return panel * vectors_ / per_group_; }
  template <class W>
  void pack_reals(const W* weights, const W* bias, char* to) const;
  template <class W>
  void pack_steps(const W* weights, const int32_t* bias, char* to) const;

  const Convolution& c_;
  const TileLoops& loops_;
  const Grid& grid_;
  int64_t groups_, columns_, vectors_, per_group_;
  size_t vector_bytes_, group_bytes_;
};

}  // namespace nnapi::host
