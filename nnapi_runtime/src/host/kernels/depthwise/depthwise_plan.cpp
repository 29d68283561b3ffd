#include "host/kernels/depthwise/depthwise_plan.h"

#include <algorithm>
#include <type_traits>

#include "host/kernels/convolution/quantized_sums.h"
#include "host/kernels/depthwise/depthwise_byte_strips.h"
#include "host/kernels/depthwise/depthwise_strips.h"
#include "host/kernels/simd/simd_loops.h"
#include "host/threads/grain_size.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

constexpr int64_t kMaxTaps = 1024;
constexpr int64_t kMaxWindowRows = 16;  // of a window that several rows are summed with
constexpr int64_t kRowsTogether = 8;    // whose inputs fit the first cache, block by block
constexpr int64_t kWindowPieces = 4;    // at least, for the threads

// Addresses of the input pixels that a strip of output pixels sees under each tap.
template <class Element>
class StripInputs {
 public:
  // Of output row `oy` of image `b`.
  StripInputs(const Convolution& c, const ImageRows& rows, const Element* padding, int64_t b,
              int64_t oy)
      : c_(c), rows_(rows), padding_(padding), first_row_(b * c.in.height), oy_(oy) {}

  const Element* const* get() const { return inputs_; }

  // Moves to output pixels [ox, ox + pixels).
  void move(int64_t ox, int pixels) {
    const bool inside = is_inside(ox) && is_inside(ox + pixels - 1);
    if (inside && inside_ && pixels == pixels_)
      shift(ox - ox_);
    else
      find(ox, pixels);
    ox_ = ox;
    pixels_ = pixels;
    inside_ = inside;
  }

 private:
  bool is_inside(int64_t ox) const {
    const int64_t first = ox * c_.x.stride - c_.x.before;
    return first >= 0 && first + c_.x.extent() <= c_.in.width;
  }

  void find(int64_t ox, int pixels) {
    int64_t tap = 0;
    for (int64_t ky = 0; ky < c_.y.filter; ++ky) {
      const int64_t iy = oy_ * c_.y.stride - c_.y.before + ky * c_.y.dilation;
      const bool row_inside = iy >= 0 && iy < c_.in.height;
      const auto* row =
          row_inside ? reinterpret_cast<const Element*>(rows_.row(first_row_ + iy)) : nullptr;
      for (int64_t kx = 0; kx < c_.x.filter; ++kx, ++tap)
        for (int p = 0; p < kStripPixels; ++p) {
          const int64_t ix = (ox + p) * c_.x.stride - c_.x.before + kx * c_.x.dilation;
          const bool inside = row_inside && p < pixels && ix >= 0 && ix < c_.in.width;
          inputs_[tap * kStripPixels + p] = inside ? row + ix * c_.out.channels : padding_;
        }
    }
  }

  // From one place inside the image to another: only the rows above and below it stay.
  void shift(int64_t pixels) {
    const int64_t by = pixels * c_.x.stride * c_.out.channels;
    const int64_t row_taps = c_.x.filter * kStripPixels;
    const Element** row = inputs_;
    for (int64_t ky = 0; ky < c_.y.filter; ++ky, row += row_taps) {
      if (row[0] == padding_) continue;
      for (int64_t i = 0; i < row_taps; ++i) row[i] += by;
    }
  }

  const Convolution& c_;
  const ImageRows rows_;
  const Element* padding_;
  int64_t first_row_, oy_, ox_ = 0;
  int pixels_ = 0;
  bool inside_ = false;
  const Element* inputs_[kMaxTaps * kStripPixels];
};

template <class Element>
class DepthwisePlan final : public PackedPlan {
 public:
  explicit DepthwisePlan(const Convolution& c) : PackedPlan(c, c.group_out()) {}

 private:
  size_t packed_bytes() const override {
    return bytes_ ? byte_strip_bytes(c_, groups_) : strip_bytes(c_, loops_);
  }
  void pack(const void* weights, const void* bias, char* to) const override {
    if (bytes_)
      pack_byte_strips(c_, loops_, groups_, weights, static_cast<const int32_t*>(bias), to);
    else
      pack_strips(c_, loops_, weights, bias, to);
  }

  void compute(const ConvolutionData& data, const char* packed, char* /*work*/,
               ThreadPool& pool) const override {
    const int64_t rows = c_.out.batch * c_.out.height;
    const int64_t row_work = c_.out.width * c_.out.channels * c_.y.filter * c_.x.filter;
    const ImageRows in = rows_of(c_.in, const_cast<void*>(data.input)),
                    out = rows_of(c_.out, data.output);
    const double in_a_microsecond = (c_.quantised() ? 100e3 : 50e3) / static_cast<double>(row_work);
    const int64_t in_windows =
        std::clamp<int64_t>((rows + kWindowPieces - 1) / kWindowPieces, 1, kRowsTogether);
    const int64_t together = in_pairs_ ? 2 : in_windows_ ? in_windows : 1;
    const int64_t grain = together * grain_size((rows + together - 1) / together,
                                                in_a_microsecond / static_cast<double>(together));
    parallel_for(pool, rows, grain,
                 [&](int64_t begin, int64_t end) { compute_rows(in, out, packed, begin, end); });
  }

  bool has_rows() const override { return true; }

  void compute_rows(const ImageRows& input, const ImageRows& output, const char* packed,
                    int64_t begin, int64_t end) const override {
    if constexpr (std::is_same_v<Element, float>) {
      if (in_windows_) return compute_windows(input, output, packed, begin, end);
    }
    for (int64_t row = begin; row < end; ++row) {
      auto* to = reinterpret_cast<Element*>(output.row(row));
      if (!slides_) {
        compute_row(input, to, packed, row);
        continue;
      }
      Element* next = nullptr;
      if (in_pairs_ && row + 1 < end && (row + 1) % c_.out.height != 0)
        next = reinterpret_cast<Element*>(output.row(++row));
      slide_over_rows(input, to, next, packed, next ? row - 1 : row);
    }
  }

  // The input has as many channels as the output: it is staged so.
  ImageRows rows_of(const Image& image, void* data) const {
    return {static_cast<char*>(data),
            image.width * c_.out.channels * static_cast<int64_t>(sizeof(Element))};
  }

  // By the loops for several rows.
  void compute_windows(const ImageRows& input, const ImageRows& output, const char* packed,
                       int64_t begin, int64_t end) const {
    const float* inputs[kRowsTogether * kMaxWindowRows];
    float* outputs[kRowsTogether];
    const FloatWindows t = {.inputs = inputs,
                            .outputs = outputs,
                            .rows = 0,
                            .width = c_.x.filter,
                            .height = c_.y.filter,
                            .in_width = c_.in.width,
                            .out_width = c_.out.width,
                            .before = c_.x.before,
                            .stride = c_.x.stride,
                            .dilation = c_.x.dilation,
                            .channels = c_.out.channels,
                            .blocks = reinterpret_cast<const float*>(packed),
                            .range = c_.float_range};
    for (int64_t row = begin; row < end;) {
      FloatWindows some = t;
      const float** to = inputs;
      for (; some.rows < kRowsTogether && row < end; ++some.rows, ++row) {
        const int64_t b = row / c_.out.height, oy = row % c_.out.height;
        for (int64_t ky = 0; ky < c_.y.filter; ++ky) {
          const int64_t iy = oy * c_.y.stride - c_.y.before + ky * c_.y.dilation;
          const bool inside = iy >= 0 && iy < c_.in.height;
          *to++ =
              inside ? reinterpret_cast<const float*>(input.row(b * c_.in.height + iy)) : nullptr;
        }
        outputs[some.rows] = reinterpret_cast<float*>(output.row(row));
      }
      loops_.float_windows(some);
    }
  }

  // By the loops for whole rows; where `next` is given, that of the next row, too.
  void slide_over_rows(const ImageRows& input, Element* output, Element* next, const char* packed,
                       int64_t row) const {
    const int64_t b = row / c_.out.height, oy = row % c_.out.height, step = c_.out.channels;
    const auto* padding = static_cast<const Element*>(this->padding());
    std::conditional_t<std::is_same_v<Element, float>, FloatRow, ByteRow> t;
    for (int64_t ky = 0; ky < (next ? 4 : 3); ++ky) {
      const int64_t iy = oy * c_.y.stride - c_.y.before + ky;
      const bool inside = iy >= 0 && iy < c_.in.height;
      t.rows[ky] =
          inside ? reinterpret_cast<const Element*>(input.row(b * c_.in.height + iy)) : padding;
      t.row_steps[ky] = inside ? step : 0;
    }
    t.in_width = c_.in.width;
    t.out_width = c_.out.width;
    t.before = c_.x.before;
    t.stride = c_.x.stride;
    t.channels = c_.out.channels;
    t.output = output;
    if constexpr (std::is_same_v<Element, float>) {
      t.next_output = next;
      t.blocks = reinterpret_cast<const float*>(packed);
      t.range = c_.float_range;
      loops_.float_row(t);
    } else {
      t.padding = padding;
      t.blocks = packed;
      t.flip = input_flip(c_, loops_);
      t.out = step_output(c_);
      loops_.byte_row(t);
    }
  }

  void compute_row(const ImageRows& input, Element* output, const char* packed, int64_t row) const {
    const int64_t b = row / c_.out.height, oy = row % c_.out.height;
    StripInputs<Element> inputs(c_, input, static_cast<const Element*>(padding()), b, oy);
    for (int64_t ox = 0; ox < c_.out.width; ox += kStripPixels) {
      const int pixels = static_cast<int>(std::min<int64_t>(kStripPixels, c_.out.width - ox));
      inputs.move(ox, pixels);
      compute_strip(inputs.get(), pixels, packed, output + ox * c_.out.channels);
    }
  }

  bool has_sliding_window() const {
    return c_.y.filter == 3 && c_.x.filter == 3 && c_.y.dilation == 1 && c_.x.dilation == 1 &&
           (c_.x.stride == 1 || c_.x.stride == 2);
  }

  bool has_windows() const {
    const int64_t width = c_.x.filter;
    return (width == 3 || width == 5 || width == 7) && c_.y.filter <= kMaxWindowRows &&
           (c_.x.stride == 1 || (c_.x.stride == 2 && c_.x.dilation == 1));
  }

  void compute_strip(const Element* const* inputs, int pixels, const char* packed,
                     Element* output) const {
    const int64_t taps = c_.y.filter * c_.x.filter;
    if constexpr (std::is_same_v<Element, float>)
      loops_.float_strip({.inputs = inputs,
                          .taps = taps,
                          .channels = c_.out.channels,
                          .blocks = reinterpret_cast<const float*>(packed),
                          .pixels = pixels,
                          .output = output,
                          .range = c_.float_range});
    else
      byte_strip_({.inputs = inputs,
                   .taps = taps,
                   .channels = c_.out.channels,
                   .blocks = packed,
                   .pixels = pixels,
                   .output = output,
                   .flip = input_flip(c_, loops_),
                   .out = step_output(c_)});
  }

  const TileLoops& loops_ = tile_loops();
  const bool bytes_ = takes_byte_strips(c_, loops_);
  const bool slides_ = has_sliding_window() && (bytes_ || (loops_.float_row && !c_.quantised()));
  const bool in_pairs_ = slides_ && !c_.quantised() && c_.y.stride == 1 && c_.x.stride == 1;
  const bool in_windows_ = !slides_ && !c_.quantised() && has_windows();
  const TapGroups groups_ = slides_ ? TapGroups::kColumns : TapGroups::kFours;
  void (*const byte_strip_)(const ByteStrip&) = bytes_ ? loops_.byte_dot_strip : loops_.byte_strip;
};

}  // namespace

std::unique_ptr<PackedPlan> plan_depthwise(const Convolution& c) {
  if (c.group_in() != 1 || c.transposed || c.in.channels < 2 || c.y.filter * c.x.filter > kMaxTaps)
    return nullptr;
  if (c.quantised()) return std::make_unique<DepthwisePlan<uint8_t>>(c);
  return std::make_unique<DepthwisePlan<float>>(c);
}

}  // namespace nnapi::host
