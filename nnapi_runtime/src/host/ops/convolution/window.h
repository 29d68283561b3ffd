// The operands that say how a convolution's or pooling's window slides over an image.
#pragma once

#include "host/arithmetic/image.h"
#include "host/operation/operation.h"
#include "host/operation/scalar_reader.h"

namespace nnapi::host {

struct Window {
  WindowAxis y, x;
  bool explicit_padding = true;
  int32_t scheme = 0;  // a PaddingCode, if not explicit

  void read_padding(ScalarReader& scalars, bool is_explicit);  // four operands, or the scheme
  void read_strides(ScalarReader& scalars);
  void read_dilations(ScalarReader& scalars);  // optional ones

  // Checks all that was read, pads where the scheme is implicit, and sets height and width of the
  // output. The filter's sizes are set by then.
  Status slide(const Node& node, const Image& in, Image& out);
};

}  // namespace nnapi::host
