// GATHER, EMBEDDING_LOOKUP and HASHTABLE_LOOKUP: parts of a tensor chosen by index or by key.
#include <algorithm>
#include <cstring>

#include "host/arithmetic/quantization.h"
#include "host/operation/axis.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

// Rows are handed to the threads in pieces of about this many bytes.
constexpr int64_t kPieceBytes = 131072;

// For each of `outer` blocks of `rows` rows, copies the rows named by `indices` one after another.
Status gather_rows(const Node& node, const Tensor& values, size_t outer, size_t rows,
                   size_t row_elements, const Tensor& indices, Tensor& output) {
  const auto count = static_cast<int64_t>(indices.count());
  const int32_t* index = indices.as<int32_t>();
  for (int64_t i = 0; i < count; ++i)
    if (index[i] < 0 || static_cast<size_t>(index[i]) >= rows)
      return node.fail(ANEURALNETWORKS_OP_FAILED, "index %lld is %d, outside [0, %zu)",
                       static_cast<long long>(i), index[i], rows);

  const size_t bytes = row_elements * element_size(values.type);
  if (outer == 0 || bytes == 0) return kOk;
  const char* source = values.as<char>();
  char* destination = output.as<char>();
  const int64_t grain = std::max<int64_t>(1, kPieceBytes / static_cast<int64_t>(bytes));
  parallel_for(
      node.pool(), static_cast<int64_t>(outer) * count, grain, [=](int64_t begin, int64_t end) {
        int64_t block = begin / count, i = begin % count;
        for (int64_t row = begin; row < end; ++row) {
          std::memcpy(destination + row * bytes, source + (block * rows + index[i]) * bytes, bytes);
          if (++i == count) i = 0, ++block;
        }
      });
  return kOk;
}

namespace gather {

enum Input : uint32_t { kInput, kAxis, kIndices };

Status infer(const Node& node) {
  const Shape& input = node.in(kInput).shape;
  const Shape& indices = node.in(kIndices).shape;
  if (Status s = check_quantization_kept(node)) return s;
  uint32_t axis;
  if (Status s = read_axis(node, kAxis, input.rank(), &axis)) return s;
  if (input.rank() - 1 + indices.rank() > kMaxRank)
    return node.bad("the output would have rank %u, at most %u is possible",
                    input.rank() - 1 + indices.rank(), kMaxRank);
  Shape shape;
  for (uint32_t i = 0; i < axis; ++i) shape.push_back(input[i]);
  for (uint32_t dim : indices) shape.push_back(dim);
  for (uint32_t i = axis + 1; i < input.rank(); ++i) shape.push_back(input[i]);
  node.out(0).shape = shape;
  return kOk;
}

Status run(const Node& node, const Prepared*) {
  const Tensor& input = node.in(kInput);
  uint32_t axis;
  if (Status s = read_axis(node, kAxis, input.shape.rank(), &axis)) return s;
  return gather_rows(node, input, input.shape.count(0, axis), input.shape[axis],
                     input.shape.count(axis + 1, input.shape.rank()), node.in(kIndices),
                     node.out(0));
}

}  // namespace gather

// The shape of `values` with one row for each lookup.
Shape looked_up(const Shape& values, const Shape& lookups) {
  Shape shape = values;
  shape[0] = lookups[0];
  return shape;
}

namespace embedding_lookup {

enum Input : uint32_t { kLookups, kValues };

Status infer(const Node& node) {
  const Shape& lookups = node.in(kLookups).shape;
  const Shape& values = node.in(kValues).shape;
  if (Status s = check_quantization_kept(node, kValues)) return s;
  if (lookups.rank() != 1) return node.bad("lookups has rank %u, must be 1-D", lookups.rank());
  if (values.rank() < 2) return node.bad("values has rank %u, must be at least 2", values.rank());
  node.out(0).shape = looked_up(values, lookups);
  return kOk;
}

Status run(const Node& node, const Prepared*) {
  const Tensor& values = node.in(kValues);
  return gather_rows(node, values, 1, values.shape[0], values.shape.count(1, values.shape.rank()),
                     node.in(kLookups), node.out(0));
}

}  // namespace embedding_lookup

namespace hashtable_lookup {

enum Input : uint32_t { kLookups, kKeys, kValues };
enum Output : uint32_t { kOutput, kHits };

Status infer(const Node& node) {
  const Shape& lookups = node.in(kLookups).shape;
  const Shape& keys = node.in(kKeys).shape;
  const Shape& values = node.in(kValues).shape;
  if (Status s = check_quantization_kept(node, kValues, kOutput)) return s;
  if (lookups.rank() != 1) return node.bad("lookups has rank %u, must be 1-D", lookups.rank());
  if (keys.rank() != 1) return node.bad("keys has rank %u, must be 1-D", keys.rank());
  if (values.rank() < 1 || values[0] != keys[0])
    return node.bad("there are %u keys for %u rows of values", keys[0],
                    values.rank() ? values[0] : 0);
  node.out(kOutput).shape = looked_up(values, lookups);
  node.out(kHits).shape = lookups;
  return kOk;
}

Status run(const Node& node, const Prepared*) {
  const Tensor& values = node.in(kValues);
  const size_t bytes = values.shape.count(1, values.shape.rank()) * element_size(values.type);
  const int32_t* keys = node.in(kKeys).as<int32_t>();
  const int32_t* end = keys + node.in(kKeys).count();
  for (size_t i = 0; i < node.in(kLookups).count(); ++i) {
    const int32_t wanted = node.in(kLookups).as<int32_t>()[i];
    const int32_t* found = std::lower_bound(keys, end, wanted);  // keys ascend
    const bool hit = found != end && *found == wanted;
    node.out(kHits).as<uint8_t>()[i] = hit;
    if (bytes == 0) continue;
    char* row = node.out(kOutput).as<char>() + i * bytes;
    if (hit)
      std::memcpy(row, values.as<char>() + (found - keys) * bytes, bytes);
    else
      std::memset(row, 0, bytes);
  }
  return kOk;
}

}  // namespace hashtable_lookup
}  // namespace

NNAPI_OPERATION(GATHER, .infer = gather::infer, .run = gather::run);
NNAPI_OPERATION(EMBEDDING_LOOKUP, .infer = embedding_lookup::infer, .run = embedding_lookup::run);
NNAPI_OPERATION(HASHTABLE_LOOKUP, .infer = hashtable_lookup::infer, .run = hashtable_lookup::run);

}  // namespace nnapi::host
