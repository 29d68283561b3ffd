// What computes some rows of its output, given the rows of its input that they see. Chains of such
// stages (row_chain.h) never write whole images between them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "host/kernels/convolution/convolution.h"
#include "host/kernels/convolution/image_rows.h"

namespace nnapi::host {

class RowProducer {
 public:
  // Not transposed, of float32 or 8 bits. Layouts are for the caller: rows have channels last.
  virtual const Convolution& convolution() const = 0;
  virtual size_t weight_bytes() const = 0;
  // Output rows [begin, end), all of one image. How they are computed depends on these two alone.
  virtual void compute_rows(const ImageRows& input, const ImageRows& output, int64_t begin,
                            int64_t end) const = 0;

 protected:
  ~RowProducer() = default;
};

}  // namespace nnapi::host
