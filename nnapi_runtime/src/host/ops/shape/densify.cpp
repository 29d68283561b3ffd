// DENSIFY: a sparse tensor, written out. Its dimensions, and those of blocks that it may be made
// of, are walked through in an order that is given, the values in that order.
#include <algorithm>
#include <cstring>

#include "host/arithmetic/quantization.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kValues, kOrder, kBlockMap, kFormat, kSizes, kFirstPair };

constexpr uint32_t kMostLevels = 2 * kMaxRank;
constexpr int32_t kDense = 0, kCompressed = 1;

// How the tensor is walked through. A level is a dimension, or one of the blocks'.
struct Walk {
  uint32_t levels = 0, rank = 0;
  int64_t size[kMostLevels];  // of each level
  uint32_t dim[kMostLevels];  // of the output, which a level goes along
  int64_t step[kMostLevels];  // in elements of the output
  bool compressed[kMostLevels];
  Shape shape;
};

Status list_of(const Node& node, uint32_t i, uint32_t size, const char* name) {
  const Shape& shape = node.in(i).shape;
  if (shape.rank() == 1 && shape[0] == size) return kOk;
  return node.bad("%s must be 1-D with %u entries", name, size);
}

// The dimension of each level, from the order and the block map.
Status read_order(const Node& node, Walk& walk) {
  const int32_t* order = node.in(kOrder).as<int32_t>();
  bool seen[kMostLevels] = {};
  for (uint32_t i = 0; i < walk.levels; ++i) {
    // Dimensions come first, then those of blocks.
    const int32_t low = i < walk.rank ? 0 : static_cast<int32_t>(walk.rank);
    const auto high = static_cast<int32_t>(i < walk.rank ? walk.rank : walk.levels);
    if (order[i] < low || order[i] >= high || seen[order[i]])
      return node.bad("traversal_order[%u] is %d; each of %d to %d must be there once", i, order[i],
                      low, high - 1);
    seen[order[i]] = true;
    if (i < walk.rank) {
      walk.dim[i] = static_cast<uint32_t>(order[i]);
      continue;
    }
    const int32_t dim = node.in(kBlockMap).as<int32_t>()[order[i] - low];
    if (dim < 0 || dim >= low)
      return node.bad("block_map[%d] is %d, outside [0, %d)", order[i] - low, dim, low);
    walk.dim[i] = static_cast<uint32_t>(dim);
  }
  return kOk;
}

Status describe(const Node& node, Walk& walk) {
  const Shape& order = node.in(kOrder).shape;
  if (order.rank() != 1 || order[0] == 0 || order[0] > kMostLevels)
    return node.bad("traversal_order must be 1-D with 1 to %u entries", kMostLevels);
  walk.levels = order[0];
  if (node.num_inputs() != kFirstPair + 2 * walk.levels)
    return node.bad("%u inputs for %u levels", node.num_inputs(), walk.levels);
  if (Status s = list_of(node, kFormat, walk.levels, "dimension_format")) return s;
  if (Status s = list_of(node, kSizes, walk.levels, "dimensions")) return s;
  uint32_t blocks = 0;
  if (node.has(kBlockMap)) {
    const Shape& map = node.in(kBlockMap).shape;
    if (map.rank() != 1 || 2 * map[0] > walk.levels)
      return node.bad("block_map must be 1-D with no more entries than there are dimensions");
    blocks = map[0];
  }
  walk.rank = walk.levels - blocks;
  if (walk.rank > kMaxRank) return node.bad("the output would have rank %u", walk.rank);
  for (uint32_t i : {kOrder, kFormat, kSizes})
    if (!node.known(i)) return node.later();
  if (blocks > 0 && !node.known(kBlockMap)) return node.later();
  if (Status s = read_order(node, walk)) return s;

  walk.shape.resize(walk.rank);
  for (uint32_t i = 0; i < walk.levels; ++i) {
    const int32_t size = node.in(kSizes).as<int32_t>()[i];
    const int32_t format = node.in(kFormat).as<int32_t>()[i];
    if (size < 0) return node.bad("dimensions[%u] is %d, must not be negative", i, size);
    if (format != kDense && format != kCompressed)
      return node.bad("dimension_format[%u] is %d, must be 0 (dense) or 1 (CSR)", i, format);
    walk.size[i] = size;
    walk.compressed[i] = format == kCompressed;
    uint32_t& whole = walk.shape[walk.dim[i]];
    if (__builtin_mul_overflow(whole, static_cast<uint32_t>(size), &whole))
      return node.bad("dimension %u of the output would be too long", walk.dim[i]);
    for (uint32_t pair = kFirstPair + 2 * i; walk.compressed[i] && pair < kFirstPair + 2 * i + 2;
         ++pair)
      if (!node.has(pair)) return node.bad("input %u is omitted, but level %u is CSR", pair, i);
  }
  // A level's step is that of its dimension, times the levels below it along the same one.
  for (uint32_t i = walk.levels; i-- > 0;) {
    walk.step[i] = static_cast<int64_t>(walk.shape.count(walk.dim[i] + 1, walk.rank));
    for (uint32_t inner = i + 1; inner < walk.levels; ++inner)
      if (walk.dim[inner] == walk.dim[i]) walk.step[i] *= walk.size[inner];
  }
  return kOk;
}

Status infer(const Node& node) {
  Walk walk;
  if (Status s = check_quantization_kept(node)) return s;
  if (Status s = describe(node, walk)) return s;
  node.out(0).shape = walk.shape;
  return kOk;
}

class Writer {
 public:
  Writer(const Node& node, const Walk& walk)
      : node_(node),
        walk_(walk),
        bytes_(element_size(node.in(kValues).type)),
        values_(static_cast<int64_t>(node.in(kValues).count())) {}

  // Levels from `level` on, at entry `entry` of the one before; `at`: where they begin.
  Status write(uint32_t level, int64_t entry, int64_t at) const {
    if (level == walk_.levels) {
      if (entry >= values_)
        return node_.bad("there are %lld values, more are asked for",
                         static_cast<long long>(values_));
      const size_t size = bytes_;
      std::memcpy(node_.out(0).as<char>() + static_cast<size_t>(at) * size,
                  node_.in(kValues).as<char>() + static_cast<size_t>(entry) * size, size);
      return kOk;
    }
    const int64_t size = walk_.size[level], step = walk_.step[level];
    if (!walk_.compressed[level]) {
      for (int64_t i = 0; i < size; ++i)
        if (Status s = write(level + 1, entry * size + i, at + i * step)) return s;
      return kOk;
    }
    const Tensor& segments = node_.in(kFirstPair + 2 * level);
    const Tensor& indices = node_.in(kFirstPair + 2 * level + 1);
    if (entry + 1 >= static_cast<int64_t>(segments.count()))
      return node_.bad("level %u has %zu segments, more are asked for", level, segments.count());
    const int64_t first = segments.as<int32_t>()[entry], end = segments.as<int32_t>()[entry + 1];
    if (first < 0 || end > static_cast<int64_t>(indices.count()))
      return node_.bad("segment %lld of level %u is from %lld to %lld, there are %zu indices",
                       static_cast<long long>(entry), level, static_cast<long long>(first),
                       static_cast<long long>(end), indices.count());
    for (int64_t i = first; i < end; ++i) {
      const int64_t index = indices.as<int32_t>()[i];
      if (index < 0 || index >= size)
        return node_.bad("index %lld of level %u is %lld, outside [0, %lld)",
                         static_cast<long long>(i), level, static_cast<long long>(index),
                         static_cast<long long>(size));
      if (Status s = write(level + 1, i, at + index * step)) return s;
    }
    return kOk;
  }

 private:
  const Node& node_;
  const Walk& walk_;
  const size_t bytes_;
  const int64_t values_;
};

// What stands for nothing: real zero.
void fill_with_zero(const Tensor& out) {
  const size_t count = out.count();
  if (element_size(out.type) == 1)
    std::memset(out.data, static_cast<uint8_t>(out.zero_point), count);
  else if (out.type == ANEURALNETWORKS_TENSOR_QUANT16_ASYMM)
    std::fill_n(static_cast<uint16_t*>(out.data), count, static_cast<uint16_t>(out.zero_point));
  else
    std::memset(out.data, 0, count * element_size(out.type));
}

Status run(const Node& node, const Prepared*) {
  Walk walk;
  if (Status s = describe(node, walk)) return s;
  if (node.out(0).count() == 0) return kOk;
  fill_with_zero(node.out(0));
  return Writer(node, walk).write(0, 0, 0);
}

}  // namespace

NNAPI_OPERATION(DENSIFY, .infer = infer, .run = run);

}  // namespace nnapi::host
