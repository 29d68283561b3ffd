// Elementwise loops over whole tensors, cut into pieces for the thread pool.
#pragma once

#include <algorithm>
#include <cstdint>

#include "host/arithmetic/element_loop.h"
#include "host/operation/operation.h"
#include "host/threads/grain_size.h"

namespace nnapi::host {

// How many elements are worth a piece of work: those of some microseconds.
constexpr int64_t kElementGrain = 32768;  // of arithmetic
constexpr int64_t kCostlyGrain = 4096;    // of functions that take tens of instructions

// Pieces of elements. Vectors stay whole, and so do runs of elements, if they are short.
inline int64_t element_piece(size_t count, int64_t grain, size_t run = 1) {
  constexpr int64_t kVector = 64;
  const bool is_short = run > 0 && static_cast<int64_t>(run) < grain / 4;
  const int64_t least = is_short ? static_cast<int64_t>(run) : 1;
  const int64_t unit = least * std::max<int64_t>(1, kVector / least);
  return unit * grain_size((static_cast<int64_t>(count) + unit - 1) / unit,
                           static_cast<double>(grain) / static_cast<double>(unit));
}

template <class F, class In, class Out>
void unary_stretch(const void* f, const void* a, const void*, void* out, int64_t n) {
  // Locals: stores of bytes could change anything that lies in memory.
  const F g = *static_cast<const F*>(f);
  const In* const x = static_cast<const In*>(a);
  Out* const y = static_cast<Out*>(out);
  for (int64_t i = 0; i < n; ++i) y[i] = g(x[i]);
}

// An operand that does not advance is the same for all of the stretch.
template <class F, class In, class Out, bool kAAdvances, bool kBAdvances>
void binary_stretch(const void* f, const void* a, const void* b, void* out, int64_t n) {
  const F g = *static_cast<const F*>(f);
  const In* const x = static_cast<const In*>(a);
  const In* const y = static_cast<const In*>(b);
  Out* const z = static_cast<Out*>(out);
  if constexpr (kAAdvances && kBAdvances) {
    for (int64_t i = 0; i < n; ++i) z[i] = g(x[i], y[i]);
  } else if constexpr (kAAdvances) {
    const In repeated = *y;
    for (int64_t i = 0; i < n; ++i) z[i] = g(x[i], repeated);
  } else {
    const In repeated = *x;
    for (int64_t i = 0; i < n; ++i) z[i] = g(repeated, y[i]);
  }
}

// out[i] = f(in[i]) for i in [0, count), by a loop over stretches.
template <class In, class Out, class F>
void map_stretches(const Node& node, StretchLoop loop, size_t count, const In* in, Out* out,
                   const F& f, int64_t grain) {
  if (ElementLoop* asked = asked_for_loop()) {
    *asked =
        ElementLoop(loop, f, nullptr, grain, std::type_identity<In>{}, std::type_identity<Out>{});
    return;
  }
  parallel_for(
      node.pool(), static_cast<int64_t>(count), element_piece(count, grain),
      [&](int64_t begin, int64_t end) { loop(&f, in + begin, nullptr, out + begin, end - begin); });
}

template <class In, class Out, class F>
void map_elements(const Node& node, size_t count, const In* in, Out* out, F f,
                  int64_t grain = kElementGrain) {
  map_stretches(node, for_widest_vectors<unary_stretch<F, In, Out>>(), count, in, out, f, grain);
}

// out[i] = f(a[i], b[i]) with broadcasting, by a loop over stretches.
template <class In, class Out, class F>
void map_broadcast_stretches(const Node& node, StretchLoop loop, const Broadcast& shape,
                             const In* a, const In* b, Out* out, const F& f, int64_t grain) {
  if (ElementLoop* asked = asked_for_loop()) {
    *asked =
        ElementLoop(loop, f, &shape, grain, std::type_identity<In>{}, std::type_identity<Out>{});
    return;
  }
  parallel_for(node.pool(), static_cast<int64_t>(shape.count()),
               element_piece(shape.count(), grain, shape.run()), [&](int64_t begin, int64_t end) {
                 shape.for_runs(begin, end, [&](size_t at, size_t a_at, size_t b_at, size_t n) {
                   loop(&f, a + a_at, b + b_at, out + at, static_cast<int64_t>(n));
                 });
               });
}

template <class In, class Out, class F>
void map_broadcast(const Node& node, const Broadcast& shape, const In* a, const In* b, Out* out,
                   F f, int64_t grain = kElementGrain) {
  const StretchLoop loop = shape.a_advances() && shape.b_advances()
                               ? for_widest_vectors<binary_stretch<F, In, Out, true, true>>()
                           : shape.a_advances()
                               ? for_widest_vectors<binary_stretch<F, In, Out, true, false>>()
                               : for_widest_vectors<binary_stretch<F, In, Out, false, true>>();
  map_broadcast_stretches(node, loop, shape, a, b, out, f, grain);
}

}  // namespace nnapi::host
