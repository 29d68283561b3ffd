// SELECT: out[i] = mask[i] ? a[i] : b[i], all of one shape.
#include "host/arithmetic/byte_table.h"
#include "host/arithmetic/map_elements.h"
#include "host/operation/element_type.h"

namespace nnapi::host {
namespace {

enum Input : uint32_t { kMask, kA, kB };

Status infer(const Node& node) {
  for (uint32_t i : {kA, kB}) {
    if (!(node.in(i).shape == node.in(kMask).shape))
      return node.bad("the shape of input %u differs from the mask's; they do not broadcast", i);
  }
  node.out(0).shape = node.in(kMask).shape;
  return kOk;
}

std::unique_ptr<Prepared> prepare(const Node& node) {
  return prepare_requantized(node.in(kA), node.in(kB), node.out(0));
}

template <class T, class F>
void select(const Node& node, F choose) {
  const Bool8* mask = node.in(kMask).as<Bool8>();
  const T *a = node.in(kA).as<T>(), *b = node.in(kB).as<T>();
  T* out = node.out(0).as<T>();
  parallel_for(node.pool(), static_cast<int64_t>(node.out(0).count()),
               element_piece(node.out(0).count(), kElementGrain), [=](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) out[i] = choose(mask[i], a[i], b[i]);
               });
}

Status run(const Node& node, const Prepared* prepared) {
  if (prepared) {
    const auto* tables = static_cast<const RequantizedInputs*>(prepared);
    select<uint8_t>(node, [tables](bool mask, uint8_t a, uint8_t b) {
      return mask ? tables->a[a] : tables->b[b];
    });
    return kOk;
  }
  return with_element_type<float, Float16, int32_t, uint8_t, int8_t>(
      node, node.in(kA).type, [&]<class T>(ElementType<T>) {
        select<T>(node, [](bool mask, T a, T b) { return mask ? a : b; });
      });
}

}  // namespace

NNAPI_OPERATION(SELECT, .infer = infer, .prepare = prepare, .run = run);

}  // namespace nnapi::host
