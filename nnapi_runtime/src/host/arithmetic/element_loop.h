// An elementwise operation as a loop over stretches of its elements: all that it needs to know, but
// not where the elements lie.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>

#include "host/arithmetic/broadcast.h"
#include "host/arithmetic/vector_loop.h"
#include "host/operation/operation.h"

namespace nnapi::host {

// out[i] = f(a[i], b[i]) for i in [0, n). Operations on one tensor read no b.
// (f, a, b, out, n)
using StretchLoop = VectorFunction;

// Where an operand is: element `first` of the tensor lies at `data`.
struct ElementPlace {
  char* data = nullptr;
  int64_t first = 0;
};

class ElementLoop {
 public:
  ElementLoop() = default;
  // broadcast: null for operations on one tensor. As many elements as `grain` are worth a thread.
  template <class In, class Out, class F>
  ElementLoop(StretchLoop loop, const F& f, const Broadcast* broadcast, int64_t grain,
              std::type_identity<In>, std::type_identity<Out>)
      : loop_(loop), in_bytes_(sizeof(In)), out_bytes_(sizeof(Out)), grain_(grain) {
    static_assert(std::is_trivially_copyable_v<F> && sizeof(F) <= kLargestFunctor);
    std::memcpy(f_.data(), &f, sizeof f);
    if (!broadcast) return;
    binary_ = true;
    a_advances_ = broadcast->a_advances();
    b_advances_ = broadcast->b_advances();
    if (!broadcast->is_single_run()) broadcast_ = std::make_unique<Broadcast>(*broadcast);
  }

  explicit operator bool() const { return loop_ != nullptr; }
  bool is_binary() const { return binary_; }
  int64_t grain() const { return grain_; }

  // Elements [begin, end) of the output.
  void compute(int64_t begin, int64_t end, ElementPlace a, ElementPlace b, ElementPlace out) const {
    const auto run = [&](int64_t at, int64_t a_at, int64_t b_at, int64_t n) {
      loop_(f_.data(), a.data + (a_at - a.first) * in_bytes_, b.data + (b_at - b.first) * in_bytes_,
            out.data + (at - out.first) * out_bytes_, n);
    };
    if (broadcast_)
      broadcast_->for_runs(begin, end, run);
    else
      run(begin, a_advances_ ? begin : 0, b_advances_ ? begin : 0, end - begin);
  }

 private:
  static constexpr size_t kLargestFunctor = 48;
  StretchLoop loop_ = nullptr;
  alignas(std::max_align_t) std::array<std::byte, kLargestFunctor> f_{};
  uint32_t in_bytes_ = 0, out_bytes_ = 0;
  bool binary_ = false, a_advances_ = true, b_advances_ = true;
  int64_t grain_ = 0;
  std::unique_ptr<const Broadcast> broadcast_;
};

// Non-null while an operation's loop is asked for: map_elements() and its like leave it there and
// compute nothing.
ElementLoop* asked_for_loop();

// The loop of an operation that is elementwise (operation.h) and whose shapes are known.
ElementLoop loop_of(const Operation& operation, const Node& node, const Prepared* prepared);

}  // namespace nnapi::host
