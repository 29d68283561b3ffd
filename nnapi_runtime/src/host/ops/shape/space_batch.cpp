// Blocks of an image moved between its height and width and another dimension: BATCH_TO_SPACE_ND,
// SPACE_TO_BATCH_ND (the batch), DEPTH_TO_SPACE, SPACE_TO_DEPTH (the channels).
#include <algorithm>
#include <cstring>

#include "host/arithmetic/image.h"
#include "host/arithmetic/quantization.h"
#include "host/kernels/copy/strided_copy.h"

namespace nnapi::host {
namespace {

long long ll(int64_t value) { return value; }

// Input `flag` says which layout the images have. In infer it may not be known yet.
bool flag_missing(const Node& node, uint32_t flag) { return node.has(flag) && !node.known(flag); }

Status check_image(const Node& node) {
  if (node.in(0).shape.rank() != 4)
    return node.bad("input has rank %u, must be 4-D", node.in(0).shape.rank());
  return check_quantization_kept(node);
}

Status set_image(const Node& node, const Image& output, bool nchw) {
  if (!output.fits()) return node.bad("a dimension of the output would be too long");
  node.out(0).shape = output.shape(nchw);
  return kOk;
}

namespace depth_space {

enum Input : uint32_t { kInput, kBlockSize, kNchw };

// What both directions ask for. A block of at most 2^15 keeps its square in 32 bits; with a larger
// one no depth could be a multiple of it, or be held.
Status read_block(const Node& node, int64_t* block) {
  if (Status s = check_image(node)) return s;
  if (!node.known(kBlockSize) || flag_missing(node, kNchw)) return node.later();
  *block = node.scalar<int32_t>(kBlockSize);
  if (*block < 1 || *block > 32768)
    return node.bad("block size is %lld, must be in [1, 32768]", ll(*block));
  return kOk;
}

Status infer_wider(const Node& node) {
  int64_t block;
  if (Status s = read_block(node, &block)) return s;
  Image image = Image::of(node.in(kInput).shape, node.flag(kNchw));
  if (image.channels % (block * block) != 0)
    return node.bad("depth %lld is not a multiple of the block size %lld squared",
                    ll(image.channels), ll(block));
  image.height *= block;
  image.width *= block;
  image.channels /= block * block;
  return set_image(node, image, node.flag(kNchw));
}

Status infer_deeper(const Node& node) {
  int64_t block;
  if (Status s = read_block(node, &block)) return s;
  Image image = Image::of(node.in(kInput).shape, node.flag(kNchw));
  if (image.height % block != 0 || image.width % block != 0)
    return node.bad("image of %lld x %lld is not a multiple of the block size %lld",
                    ll(image.height), ll(image.width), ll(block));
  image.height /= block;
  image.width /= block;
  image.channels *= block * block;
  return set_image(node, image, node.flag(kNchw));
}

// Channel (y * block + x) * channels + c of the deep image is channel c at row y and column x
// within a block of the wide one. Calls loop(size, step in the deep image, step in the wide image).
template <class F>
void for_each_loop(const Shape& deep_shape, const Shape& wide_shape, const Node& node, F&& loop) {
  const bool nchw = node.flag(kNchw);
  const int64_t block = node.scalar<int32_t>(kBlockSize);
  const Image deep = Image::of(deep_shape, nchw), wide = Image::of(wide_shape, nchw);
  const ImageStrides from = ImageStrides::of(deep, nchw), to = ImageStrides::of(wide, nchw);
  loop(deep.batch, from.batch, to.batch);
  loop(deep.height, from.row, to.row * block);
  loop(block, from.channel * wide.channels * block, to.row);
  loop(deep.width, from.column, to.column * block);
  loop(block, from.channel * wide.channels, to.column);
  loop(wide.channels, from.channel, to.channel);
}

Status run_wider(const Node& node, const Prepared*) {
  const Tensor& input = node.in(kInput);
  Tensor& output = node.out(0);
  if (output.count() == 0) return kOk;
  StridedCopy copy(element_size(input.type));
  for_each_loop(input.shape, output.shape, node,
                [&](int64_t size, int64_t deep, int64_t wide) { copy.loop(size, deep, wide); });
  copy.run(node.pool(), input.data, output.data);
  return kOk;
}

Status run_deeper(const Node& node, const Prepared*) {
  const Tensor& input = node.in(kInput);
  Tensor& output = node.out(0);
  if (output.count() == 0) return kOk;
  StridedCopy copy(element_size(input.type));
  for_each_loop(output.shape, input.shape, node,
                [&](int64_t size, int64_t deep, int64_t wide) { copy.loop(size, wide, deep); });
  copy.run(node.pool(), input.data, output.data);
  return kOk;
}

}  // namespace depth_space

namespace batch_space {

constexpr uint32_t kInput = 0, kBlockSizes = 1;

struct Block {
  int64_t height, width;
  int64_t pixels() const { return height * width; }
};

Block block(const Node& node) {
  const int32_t* sizes = node.in(kBlockSizes).as<int32_t>();
  return {sizes[0], sizes[1]};
}

// What both directions ask for; `nchw` is the position of the layout flag.
Status check_block(const Node& node, uint32_t nchw) {
  if (Status s = check_image(node)) return s;
  const Shape& sizes = node.in(kBlockSizes).shape;
  if (sizes.rank() != 1 || sizes[0] != 2) return node.bad("block sizes must be 1-D with 2 entries");
  if (!node.known(kBlockSizes) || flag_missing(node, nchw)) return node.later();
  const Block b = block(node);
  if (b.height < 1 || b.width < 1 || b.pixels() > INT32_MAX)
    return node.bad("block of %lld x %lld, must be from 1 x 1 to %d elements", ll(b.height),
                    ll(b.width), INT32_MAX);
  return kOk;
}

namespace to_space {

constexpr uint32_t kNchw = 2;

Status infer(const Node& node) {
  if (Status s = check_block(node, kNchw)) return s;
  Image image = Image::of(node.in(kInput).shape, node.flag(kNchw));
  const Block b = block(node);
  if (image.batch % b.pixels() != 0)
    return node.bad("%lld batches are not a multiple of the block %lld x %lld", ll(image.batch),
                    ll(b.height), ll(b.width));
  image.batch /= b.pixels();
  image.height *= b.height;
  image.width *= b.width;
  return set_image(node, image, node.flag(kNchw));
}

Status run(const Node& node, const Prepared*) {
  const Tensor& input = node.in(kInput);
  Tensor& output = node.out(0);
  if (output.count() == 0) return kOk;
  const bool nchw = node.flag(kNchw);
  const Image small = Image::of(input.shape, nchw), large = Image::of(output.shape, nchw);
  const ImageStrides from = ImageStrides::of(small, nchw), to = ImageStrides::of(large, nchw);
  const Block b = block(node);
  StridedCopy copy(element_size(input.type));
  copy.loop(b.height, from.batch * large.batch * b.width, to.row);
  copy.loop(b.width, from.batch * large.batch, to.column);
  copy.loop(large.batch, from.batch, to.batch);
  copy.loop(small.height, from.row, to.row * b.height);
  copy.loop(small.width, from.column, to.column * b.width);
  copy.loop(small.channels, from.channel, to.channel);
  copy.run(node.pool(), input.data, output.data);
  return kOk;
}

}  // namespace to_space

namespace to_batch {

constexpr uint32_t kPaddings = 2, kNchw = 3;

Status infer(const Node& node) {
  const Shape& paddings = node.in(kPaddings).shape;
  if (paddings.rank() != 2 || paddings[0] != 2 || paddings[1] != 2)
    return node.bad("paddings must have shape [2, 2]");
  if (Status s = check_block(node, kNchw)) return s;
  if (!node.known(kPaddings)) return node.later();
  const int32_t* pad = node.in(kPaddings).as<int32_t>();
  for (uint32_t i = 0; i < 4; ++i)
    if (pad[i] < 0) return node.bad("paddings has %d, must not be negative", pad[i]);

  Image image = Image::of(node.in(kInput).shape, node.flag(kNchw));
  const Block b = block(node);
  image.height += int64_t{pad[0]} + pad[1];
  image.width += int64_t{pad[2]} + pad[3];
  if (image.height % b.height != 0 || image.width % b.width != 0)
    return node.bad("padded image of %lld x %lld is not a multiple of the block %lld x %lld",
                    ll(image.height), ll(image.width), ll(b.height), ll(b.width));
  image.batch *= b.pixels();
  image.height /= b.height;
  image.width /= b.width;
  return set_image(node, image, node.flag(kNchw));
}

// Of `steps` steps over the padded image, `block` apart from `offset` on, those that land inside
// the image of `size` behind `before` of padding: [first, last).
struct Inside {
  int64_t first, last;
  Inside(int64_t offset, int64_t block, int64_t steps, int64_t before, int64_t size)
      : first(std::min((before - offset + block - 1) / block, steps)),
        last(std::min((before + size - offset + block - 1) / block, steps)) {}
  bool empty() const { return first >= last; }
  int64_t count() const { return last - first; }
};

Status run(const Node& node, const Prepared*) {
  const Tensor& input = node.in(kInput);
  Tensor& output = node.out(0);
  if (output.count() == 0) return kOk;
  const auto bytes = static_cast<int64_t>(element_size(input.type));
  const int32_t* pad = node.in(kPaddings).as<int32_t>();
  // Zero has no bits set in a float, and is the zero point in a quantised tensor.
  if (std::any_of(pad, pad + 4, [](int32_t p) { return p != 0; }))
    std::memset(output.data, is_quant8(input.type) ? input.zero_point : 0, output.count() * bytes);

  const bool nchw = node.flag(kNchw);
  const Image large = Image::of(input.shape, nchw), small = Image::of(output.shape, nchw);
  const ImageStrides from = ImageStrides::of(large, nchw), to = ImageStrides::of(small, nchw);
  const Block b = block(node);
  for (int64_t y = 0; y < b.height; ++y)
    for (int64_t x = 0; x < b.width; ++x) {
      const Inside rows(y, b.height, small.height, pad[0], large.height);
      const Inside columns(x, b.width, small.width, pad[2], large.width);
      if (rows.empty() || columns.empty()) continue;
      const int64_t source = (rows.first * b.height + y - pad[0]) * from.row +
                             (columns.first * b.width + x - pad[2]) * from.column;
      const int64_t destination = (y * b.width + x) * large.batch * to.batch + rows.first * to.row +
                                  columns.first * to.column;
      StridedCopy copy(bytes);
      copy.loop(large.batch, from.batch, to.batch);
      copy.loop(rows.count(), from.row * b.height, to.row);
      copy.loop(columns.count(), from.column * b.width, to.column);
      copy.loop(large.channels, from.channel, to.channel);
      copy.run(node.pool(), input.as<char>() + source * bytes,
               output.as<char>() + destination * bytes);
    }
  return kOk;
}

}  // namespace to_batch
}  // namespace batch_space
}  // namespace

NNAPI_OPERATION(DEPTH_TO_SPACE, .infer = depth_space::infer_wider, .run = depth_space::run_wider);
NNAPI_OPERATION(SPACE_TO_DEPTH, .infer = depth_space::infer_deeper, .run = depth_space::run_deeper);
NNAPI_OPERATION(BATCH_TO_SPACE_ND, .infer = batch_space::to_space::infer,
                .run = batch_space::to_space::run);
NNAPI_OPERATION(SPACE_TO_BATCH_ND, .infer = batch_space::to_batch::infer,
                .run = batch_space::to_batch::run);

}  // namespace nnapi::host
