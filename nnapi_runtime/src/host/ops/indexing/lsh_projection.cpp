// LSH_PROJECTION: bits that are likely to be equal for similar inputs. Each bit is the sign of a
// weighted sum over the input's items of hash(seed, item).
#include <cstring>

#include "host/base/float16.h"
#include "host/kernels/indexing/fingerprint64.h"
#include "host/operation/element_type.h"
#include "host/operation/operation.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kHash, kInput, kWeight, kKind };
// Kinds: bits of one hash function joined into a number, without or with an offset that keeps the
// functions apart; or every bit for itself.
constexpr int32_t kSparseWithoutOffset = 1, kDense = 2, kSparse = 3;

size_t item_bytes(const Tensor& input) {
  return input.shape.count(1, input.shape.rank()) * element_size(input.type);
}

Status infer(const Node& node) {
  const Shape& hash = node.in(kHash).shape;
  const Shape& input = node.in(kInput).shape;
  if (hash.rank() != 2) return node.bad("hash has rank %u, must be 2-D", hash.rank());
  if (hash[1] > 32) return node.bad("hash has %u bits, at most 32 are possible", hash[1]);
  if (input.rank() < 1) return node.bad("input has rank 0, must be at least 1-D");
  if (node.has(kWeight)) {
    const Shape& weight = node.in(kWeight).shape;
    if (weight.rank() != 1 || weight[0] != input[0])
      return node.bad("weight must be 1-D with %u entries, one for each item of the input",
                      input[0]);
  }
  if (!node.known(kKind)) return node.later();
  const int32_t kind = node.scalar<int32_t>(kKind);
  if (kind == kDense) {
    uint32_t bits;
    if (__builtin_mul_overflow(hash[0], hash[1], &bits))
      return node.bad("the output would be too long");
    node.out(0).shape = {bits};
    return kOk;
  }
  if (kind != kSparse && kind != kSparseWithoutOffset)
    return node.bad("kind %d is none of 1 (sparse, without offset), 2 (dense) and 3 (sparse)",
                    kind);
  node.out(0).shape = {hash[0]};
  return kOk;
}

// Scratch: what is hashed, a seed of 4 bytes and an item behind it.
std::unique_ptr<Prepared> prepare(const Node& node) {
  auto prepared = std::make_unique<Prepared>();
  const Tensor& input = node.in(kInput);
  if (input.shape[0] > 0) prepared->scratch_bytes = sizeof(float) + item_bytes(input);
  return prepared;
}

// hash and weight have the same type T.
template <class T>
uint32_t project(const Node& node, float seed) {
  const Tensor& input = node.in(kInput);
  const size_t bytes = item_bytes(input);
  const T* weights = node.has(kWeight) ? node.in(kWeight).as<T>() : nullptr;
  char* key = static_cast<char*>(node.scratch());
  if (input.shape[0] > 0) std::memcpy(key, &seed, sizeof seed);
  double sum = 0;
  for (uint32_t i = 0; i < input.shape[0]; ++i) {
    if (bytes > 0) std::memcpy(key + sizeof seed, input.as<char>() + i * bytes, bytes);
    const auto hash = static_cast<int64_t>(fingerprint64(key, sizeof seed + bytes));
    sum += (weights ? static_cast<double>(to_float(weights[i])) : 1.0) * static_cast<double>(hash);
  }
  return sum > 0 ? 1 : 0;
}

template <class T>
void run_typed(const Node& node) {
  const Shape& hash = node.in(kHash).shape;
  const T* seed = node.in(kHash).as<T>();
  int32_t* output = node.out(0).as<int32_t>();
  const int32_t kind = node.scalar<int32_t>(kKind);
  for (uint32_t i = 0; i < hash[0]; ++i) {
    uint64_t signature = 0;
    for (uint32_t j = 0; j < hash[1]; ++j) {
      const uint32_t bit = project<T>(node, to_float(*seed++));
      signature = signature << 1 | bit;
      if (kind == kDense) *output++ = static_cast<int32_t>(bit);
    }
    if (kind == kSparse) signature += uint64_t{i} << hash[1];
    if (kind != kDense) *output++ = static_cast<int32_t>(signature);  // wraps, as int32 would
  }
}

Status run(const Node& node, const Prepared*) {
  if (node.out(0).count() == 0) return kOk;
  return with_element_type<float, Float16>(node, node.in(kHash).type,
                                           [&]<class T>(ElementType<T>) { run_typed<T>(node); });
}

}  // namespace

NNAPI_OPERATION(LSH_PROJECTION, .infer = infer, .prepare = prepare, .run = run);

}  // namespace nnapi::host
