// Weights in the order in which the loops of simd/simd_loops.h read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "host/kernels/convolution/convolution.h"
#include "host/kernels/matmul/kernel_tap_grids.h"
#include "host/kernels/simd/simd_loops.h"

namespace nnapi::host {

// How the output channels of one group are cut into panels: as few as the loops allow, of nearly
// the same width. Where there are several, their number can be made a multiple of `multiple`.
class Panels {
 public:
  Panels(const Convolution& c, const TileLoops& loops, const Grid& grid, int64_t multiple = 1);

  // One panel of a group.
  struct Panel {
    int64_t first_column;  // of the group's
    size_t offset;         // in the group's bytes
    int vectors;
    bool half;  // the last vector is half of one
    int64_t width;
    int columns;  // of its width that exist
  };

  int64_t per_group() const { return static_cast<int64_t>(panels_.size()); }
  const Panel& operator[](int64_t panel) const { return panels_[static_cast<size_t>(panel)]; }
  size_t group_bytes() const { return group_bytes_; }
  size_t bytes() const { return group_bytes_ * static_cast<size_t>(groups_); }  // of all groups

  // Fills bytes() with weights and bias (null: zero) of a whole convolution, on all threads.
  void pack(const void* weights, const void* bias, char* to) const;

 private:
  // One panel, whose first column is `first` of all groups'.
  void pack_panel(const void* weights, const void* bias, const Panel& panel, int64_t first,
                  char* to) const;
  template <class W>
  void pack_reals(const W* weights, const W* bias, const Panel& panel, int64_t first,
                  char* to) const;
  template <class W>
  void pack_steps(const W* weights, const int32_t* bias, const Panel& panel, int64_t first,
                  char* to) const;

  const Convolution& c_;
  const TileLoops& loops_;
  const Grid& grid_;
  int64_t groups_, columns_;
  size_t group_bytes_, used_bytes_;  // the first is rounded up, so that all groups are aligned
  std::vector<Panel> panels_;
};

}  // namespace nnapi::host
