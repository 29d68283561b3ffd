#include "host/kernels/convolution/packed_plan.h"

#include <cstring>
#include <utility>

#include "host/kernels/convolution/quantized_sums.h"

namespace nnapi::host {

PackedPlan::PackedPlan(const Convolution& c, int64_t repeat, int64_t padding_pixels)
    : c_(c),
      in_{c.in, c.in_nchw, c.type, repeat},
      out_{c.out, c.out_nchw, c.type, 1},
      padding_(static_cast<size_t>(c.in.channels * repeat * padding_pixels) * sizeof(float)) {
  std::memset(padding_.get(), c.quantised() ? c.in_zero : 0,
              static_cast<size_t>(c.in.channels * repeat * padding_pixels) * sizeof(float));
}

bool PackedPlan::finish(const void* weights, const void* bias) {
  if (c_.quantised() && !sums_fit(c_, static_cast<const int32_t*>(bias))) return false;
  scratch_bytes = (in_.needless() ? 0 : AlignedBytes::round_up(in_.bytes())) +
                  (out_.needless() ? 0 : AlignedBytes::round_up(out_.bytes())) +
                  AlignedBytes::round_up(work_bytes());
  if (weights) {
    packed_ =
        packed_weights(weights, bias, packed_bytes(), [&](char* to) { pack(weights, bias, to); });
  }
  if (!packed_) scratch_bytes += packed_bytes();
  return true;
}

const RowProducer* PackedPlan::row_producer() const {
  const bool possible = packed_ && in_.repeat == 1 && !c_.transposed &&
                        c_.type != ANEURALNETWORKS_TENSOR_FLOAT16 && has_rows();
  return possible ? this : nullptr;
}

void PackedPlan::run(const ConvolutionData& data, void* scratch, ThreadPool& pool) const {
  const char* packed = packed_.get();
  if (!packed && c_.quantised() && !sums_fit(c_, static_cast<const int32_t*>(data.bias)))
    return convolve_reference(c_, data, pool);
  auto* free = static_cast<char*>(scratch);
  const auto take = [&](size_t bytes) {
    char* taken = free;
    free += AlignedBytes::round_up(bytes);
    return taken;
  };
  const void* input = data.input;
  if (!in_.needless()) {
    char* staged = take(in_.bytes());
    in_.load(data.input, staged, pool);
    input = staged;
  }
  void* output = out_.needless() ? data.output : take(out_.bytes());
  char* work = take(work_bytes());
  if (!packed) {
    pack(data.weights, data.bias, free);
    packed = free;
  }
  compute({input, data.weights, data.bias, output}, packed, work, pool);
  if (!out_.needless()) out_.store(output, data.output, pool);
}

}  // namespace nnapi::host
