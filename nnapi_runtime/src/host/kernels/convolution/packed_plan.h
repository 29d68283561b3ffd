// What all fast convolutions do around their loops: bring the input into the loops' layout and
// type, have weights packed, and bring the output back.
#pragma once

#include "host/kernels/convolution/convert_images.h"
#include "host/kernels/convolution/convolution.h"
#include "host/kernels/convolution/row_producer.h"
#include "host/memory/aligned_bytes.h"
#include "host/weights/packed_weights.h"

namespace nnapi::host {

class PackedPlan : public ConvolutionPlan, private RowProducer {
 public:
  // To be called once, after construction. Null weights: they come with every run. False if sums
  // might not fit; the plan is of no use then.
  bool finish(const void* weights, const void* bias);

  void run(const ConvolutionData& data, void* scratch, ThreadPool& pool) const final;

  const RowProducer* row_producer() const final;

 protected:
  // Every input channel is repeated as often. The padding has so many pixels beside each other.
  PackedPlan(const Convolution& c, int64_t repeat, int64_t padding_pixels = 1);

  virtual size_t packed_bytes() const = 0;
  virtual void pack(const void* weights, const void* bias, char* to) const = 0;
  // Of memory that compute() needs for itself.
  virtual size_t work_bytes() const { return 0; }
  // Input and output channels last, float or 8 bits; weights and bias as they came.
  virtual void compute(const ConvolutionData& data, const char* packed, char* work,
                       ThreadPool& pool) const = 0;
  // The same for some rows, where that is possible.
  virtual bool has_rows() const = 0;
  virtual void compute_rows(const ImageRows& input, const ImageRows& output, const char* packed,
                            int64_t begin, int64_t end) const = 0;

  // All channels of pixels of the padding.
  const void* padding() const { return padding_.get(); }

  const Convolution c_;

 private:
  const Convolution& convolution() const final { return c_; }
  size_t weight_bytes() const final { return packed_bytes(); }
  void compute_rows(const ImageRows& input, const ImageRows& output, int64_t begin,
                    int64_t end) const final {
    compute_rows(input, output, packed_.get(), begin, end);
  }

  Staging in_, out_;
  AlignedBytes padding_;
  PackedBytes packed_;  // null: packed in every run
};

}  // namespace nnapi::host
