// Weights in the order in which the loops of simd/tile.h read them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "host/kernels/convolution.h"
#include "host/kernels/grid.h"
#include "host/kernels/simd/tile.h"

namespace nnapi::host {

// How the output channels of one group are cut into panels: all as wide as the loops allow, but for
// the last one.
class Panels {
 public:
  Panels(const Convolution& c, const TileLoops& loops, const Grid& grid);

  int64_t per_group() const { return per_group_; }
  int64_t first_column(int64_t panel) const { return panel * full_; }  // within the group
  int vectors(int64_t panel) const;
  int columns(int64_t panel) const;
  size_t bytes() const { return group_bytes_ * static_cast<size_t>(groups_); }  // of all groups
  size_t offset(int64_t group, int64_t panel) const {
    return group_bytes_ * static_cast<size_t>(group) + panel_bytes_ * static_cast<size_t>(panel);
  }

  // Fills bytes() with weights and bias (null: zero) of a whole convolution.
  void pack(const void* weights, const void* bias, char* to) const;

 private:
  size_t bytes_of(int64_t width) const;
  template <class W>
  void pack_reals(const W* weights, const W* bias, char* to) const;
  template <class W>
  void pack_steps(const W* weights, const int32_t* bias, char* to) const;

  const Convolution& c_;
  const TileLoops& loops_;
  const Grid& grid_;
  int64_t groups_, columns_, full_, per_group_;
  size_t panel_bytes_, group_bytes_;
};

}  // namespace nnapi::host
