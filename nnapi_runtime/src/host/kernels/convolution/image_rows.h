// Where the rows of images lie, channels last, counted through all images of a batch.
#pragma once

#include <cstdint>

namespace nnapi::host {

struct ImageRows {
  char* first;
  int64_t row_bytes;
  int64_t kept = 0;  // of a ring, which has the last few rows only; 0: all are there

  // Do rows first to last lie one after the other?
  bool is_contiguous(int64_t first, int64_t last) const {
    return kept == 0 || first / kept == last / kept;
  }
  char* row(int64_t number) const { return first + (kept ? number % kept : number) * row_bytes; }
};

}  // namespace nnapi::host
