// PAD, PAD_V2 (a constant around the input) and MIRROR_PAD (the input, reflected at its borders).
#include <algorithm>
#include <cstring>
#include <limits>

#include "host/arithmetic/quantization.h"
#include "host/kernels/copy/strided_copy.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kInput, kPaddings, kValueOrMode };

struct Padding {
  int64_t before, after;
};

Padding padding(const Node& node, uint32_t i) {
  const int32_t* paddings = node.in(kPaddings).as<int32_t>();
  return {paddings[2 * i], paddings[2 * i + 1]};
}

// Sets the output's shape, and refuses paddings above limit(dimension).
template <class F>
Status infer_padded(const Node& node, F&& limit) {
  const Shape& input = node.in(kInput).shape;
  const Shape& paddings = node.in(kPaddings).shape;
  if (Status s = check_quantization_kept(node)) return s;
  if (paddings.rank() != 2 || paddings[0] != input.rank() || paddings[1] != 2)
    return node.bad("paddings must have shape [%u, 2]", input.rank());
  if (!node.known(kPaddings)) return node.later();
  Shape shape;
  for (uint32_t i = 0; i < input.rank(); ++i) {
    const Padding p = padding(node, i);
    const int64_t most = limit(input[i]);
    if (std::min(p.before, p.after) < 0 || std::max(p.before, p.after) > most)
      return node.bad("paddings[%u] is %lld and %lld, must be in [0, %lld]", i,
                      static_cast<long long>(p.before), static_cast<long long>(p.after),
                      static_cast<long long>(most));
    const int64_t dim = p.before + input[i] + p.after;
    if (dim > UINT32_MAX) return node.bad("dimension %u of the output would be too long", i);
    shape.push_back(static_cast<uint32_t>(dim));
  }
  node.out(0).shape = shape;
  return kOk;
}

// The output, seen as the input's place (the core) and, for each dimension, a slab before and one
// after: slabs of dimension d lie within the core of the dimensions outside it and span all of
// those inside it, so they never overlap.
class PaddedOutput {
 public:
  explicit PaddedOutput(const Node& node)
      : node_(node),
        core_(node.in(kInput).shape),
        full_(node.out(0).shape),
        bytes_(static_cast<int64_t>(element_size(node.in(kInput).type))),
        strides_(element_strides(full_)) {}

  void copy_core() const {
    const auto from = element_strides(core_);
    StridedCopy copy(bytes_);
    for (uint32_t i = 0; i < core_.rank(); ++i) copy.loop(core_[i], from[i], strides_[i]);
    copy.run(node_.pool(), node_.in(kInput).data, at(core_.rank(), 0));
  }

  // Fills `size` indices of dimension d, from `to` on, with one value ...
  void fill_slab(uint32_t d, int64_t to, int64_t size, const void* value) const {
    slab(d, size, 0, 1, false).run(node_.pool(), value, at(d, to));
  }
  // ... or with those at `from` and before, walking backwards.
  void mirror_slab(uint32_t d, int64_t to, int64_t size, int64_t from) const {
    slab(d, size, -1, 1, true).run(node_.pool(), at(d, from), at(d, to));
  }

 private:
  // Index `index` of dimension d, in the first place of the core outside d and at 0 inside.
  char* at(uint32_t d, int64_t index) const {
    int64_t offset = d < core_.rank() ? index * strides_[d] : 0;
    for (uint32_t i = 0; i < d; ++i) offset += padding(node_, i).before * strides_[i];
    return node_.out(0).as<char>() + offset * bytes_;
  }

  StridedCopy slab(uint32_t d, int64_t size, int64_t from, int64_t to, bool moving) const {
    StridedCopy copy(bytes_);
    for (uint32_t i = 0; i < core_.rank(); ++i)
      if (i == d)
        copy.loop(size, from * strides_[i], to * strides_[i]);
      else
        copy.loop(i < d ? core_[i] : full_[i], moving ? strides_[i] : 0, strides_[i]);
    return copy;
  }

  const Node& node_;
  const Shape& core_;
  const Shape& full_;
  int64_t bytes_;
  std::array<int64_t, kMaxRank> strides_;
};

void pad_with(const Node& node, const void* value) {
  const PaddedOutput output(node);
  const Shape& input = node.in(kInput).shape;
  if (node.out(0).count() == 0) return;
  for (uint32_t d = 0; d < input.rank(); ++d) {
    const Padding p = padding(node, d);
    output.fill_slab(d, 0, p.before, value);
    output.fill_slab(d, p.before + input[d], p.after, value);
  }
  output.copy_core();
}

namespace pad {

Status infer(const Node& node) {
  return infer_padded(node, [](uint32_t) { return std::numeric_limits<int32_t>::max(); });
}

Status run(const Node& node, const Prepared*) {
  const Tensor& input = node.in(kInput);
  // Zero: no bits of a float, the zero point of a quantised tensor.
  int32_t zero = 0;
  if (element_size(input.type) == 1) std::memset(&zero, input.zero_point, 1);
  pad_with(node, &zero);
  return kOk;
}

}  // namespace pad

namespace pad_v2 {

Status infer(const Node& node) {
  if (Status s = pad::infer(node)) return s;
  const int32_t type = node.in(kInput).type;
  if (element_size(type) != 1) return kOk;
  if (!node.known(kValueOrMode)) return node.later();
  const int32_t value = node.scalar<int32_t>(kValueOrMode);
  const int32_t low = type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM ? 0 : -128;
  if (value < low || value > low + 255)
    return node.bad("pad value %d is outside [%d, %d]", value, low, low + 255);
  return kOk;
}

Status run(const Node& node, const Prepared*) {
  const Tensor& value = node.in(kValueOrMode);
  if (value.type != ANEURALNETWORKS_INT32) {
    pad_with(node, value.data);
    return kOk;
  }
  const auto quantized = static_cast<uint8_t>(*value.as<int32_t>());
  pad_with(node, &quantized);
  return kOk;
}

}  // namespace pad_v2

namespace mirror_pad {

// Modes: REFLECT leaves the border element out of the mirror image, SYMMETRIC repeats it.
constexpr int32_t kReflect = 0, kSymmetric = 1;

Status infer(const Node& node) {
  if (!node.known(kValueOrMode)) return node.later();
  const int32_t mode = node.scalar<int32_t>(kValueOrMode);
  if (mode != kReflect && mode != kSymmetric)
    return node.bad("mode %d is neither 0 (reflect) nor 1 (symmetric)", mode);
  return infer_padded(
      node, [mode](uint32_t dim) { return mode == kReflect ? int64_t{dim} - 1 : int64_t{dim}; });
}

Status run(const Node& node, const Prepared*) {
  const PaddedOutput output(node);
  const Shape& input = node.in(kInput).shape;
  if (node.out(0).count() == 0) return kOk;
  const int64_t border = node.scalar<int32_t>(kValueOrMode) == kReflect ? 1 : 0;
  output.copy_core();
  // From the innermost dimension outwards: each slab mirrors places that are complete already.
  for (uint32_t d = input.rank(); d-- > 0;) {
    const Padding p = padding(node, d);
    const int64_t end = p.before + input[d];
    output.mirror_slab(d, 0, p.before, 2 * p.before - 1 + border);
    output.mirror_slab(d, end, p.after, end - 1 - border);
  }
  return kOk;
}

}  // namespace mirror_pad
}  // namespace

NNAPI_OPERATION(PAD, .infer = pad::infer, .run = pad::run);
NNAPI_OPERATION(PAD_V2, .infer = pad_v2::infer, .run = pad_v2::run);
NNAPI_OPERATION(MIRROR_PAD, .infer = mirror_pad::infer, .run = mirror_pad::run);

}  // namespace nnapi::host
