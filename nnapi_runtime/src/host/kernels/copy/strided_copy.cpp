#include "host/kernels/copy/strided_copy.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "host/kernels/copy/transpose_block.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

// Elements that are worth handing to another thread.
constexpr int64_t kPieceElements = 8192;
// Side of the square that is transposed at once, so that the cache lines it touches stay in L1.
constexpr int64_t kTile = 32;

using Loop = StridedCopy::Loop;

// A loop nest sorted so that writes are as sequential as they can be, neighbours fused.
struct Nest {
  uint32_t depth = 0;
  std::array<Loop, StridedCopy::kMaxLoops> loops;

  Nest(std::array<Loop, StridedCopy::kMaxLoops> unsorted, uint32_t count) {
    std::stable_sort(unsorted.begin(), unsorted.begin() + count,
                     [](const Loop& a, const Loop& b) { return std::abs(a.to) > std::abs(b.to); });
    for (uint32_t i = 0; i < count; ++i) {
      const Loop& next = unsorted[i];
      Loop* last = depth ? &loops[depth - 1] : nullptr;
      if (last && last->from == next.size * next.from && last->to == next.size * next.to)
        *last = {last->size * next.size, next.from, next.to};
      else
        loops[depth++] = next;
    }
  }

  Loop take(uint32_t i) {
    Loop taken = loops[i];
    std::copy(loops.begin() + i + 1, loops.begin() + depth, loops.begin() + i);
    --depth;
    return taken;
  }
};

// Walks the outer loops of a nest as one counter, keeping both offsets.
class Cursor {
 public:
  Cursor(const Nest& nest, int64_t position) : nest_(nest) {
    for (uint32_t i = nest.depth; i-- > 0;) {
      index_[i] = position % nest.loops[i].size;
      position /= nest.loops[i].size;
      from += index_[i] * nest.loops[i].from;
      to += index_[i] * nest.loops[i].to;
    }
  }

  void next() {
    for (uint32_t i = nest_.depth; i-- > 0;) {
      const Loop& loop = nest_.loops[i];
      from += loop.from;
      to += loop.to;
      if (++index_[i] < loop.size) return;
      from -= loop.size * loop.from;
      to -= loop.size * loop.to;
      index_[i] = 0;
    }
  }

  int64_t from = 0, to = 0;

 private:
  const Nest& nest_;
  std::array<int64_t, StridedCopy::kMaxLoops> index_;
};

template <class T>
void copy_row(const T* source, int64_t from, T* destination, int64_t to, int64_t count) {
  if (from == 1 && to == 1)
    std::memcpy(destination, source, count * sizeof(T));
  else if (from == 0 && to == 1)
    std::fill_n(destination, count, *source);
  else
    for (int64_t i = 0; i < count; ++i) destination[i * to] = source[i * from];
}

// One tile of a plane, element by element, the longer side in the inner loop.
template <class T>
void copy_tile(const T* source, T* destination, const Loop& across, const Loop& along) {
  const Loop& inner = across.size > along.size ? across : along;
  const Loop& outer = &inner == &along ? across : along;
  for (int64_t j = 0; j < outer.size; ++j) {
    const T* read = source + j * outer.from;
    T* write = destination + j * outer.to;
    for (int64_t i = 0; i < inner.size; ++i) write[i * inner.to] = read[i * inner.from];
  }
}

// A plane that is read along memory in one direction (`across`) and written along memory in the
// other (`along`), tile by tile.
template <class T>
void copy_plane(const T* source, T* destination, const Loop& across, const Loop& along) {
  const bool unit_steps = across.from == 1 && along.to == 1;
  constexpr int64_t kSide = kBlockSide<T>;
  for (int64_t first_j = 0; first_j < across.size; first_j += kTile)
    for (int64_t first_i = 0; first_i < along.size; first_i += kTile) {
      Loop tall = across, wide = along;
      tall.size = std::min(kTile, across.size - first_j);
      wide.size = std::min(kTile, along.size - first_i);
      const T* read = source + first_j * across.from + first_i * along.from;
      T* write = destination + first_j * across.to + first_i * along.to;
      if (!unit_steps || tall.size < kSide || wide.size < kSide) {
        copy_tile(read, write, tall, wide);
        continue;
      }
      // The last square of a side that is no multiple of its size overlaps the one before.
      for (int64_t j = 0; j < tall.size; j += kSide)
        for (int64_t i = 0; i < wide.size; i += kSide) {
          const int64_t row = std::min(j, tall.size - kSide),
                        column = std::min(i, wide.size - kSide);
          transpose_block(read + row + column * along.from, along.from,
                          write + row * across.to + column, across.to);
        }
    }
}

int64_t pieces(int64_t size, int64_t piece) { return (size + piece - 1) / piece; }

template <class T>
void run_nest(ThreadPool& pool, Nest nest, const T* source, T* destination) {
  const Loop along = nest.depth ? nest.take(nest.depth - 1) : Loop{1, 1, 1};

  uint32_t sequential = nest.depth;  // a loop that reads along memory, when the innermost does not
  if (std::abs(along.from) > 1)
    for (uint32_t i = 0; i < nest.depth; ++i)
      if (std::abs(nest.loops[i].from) == 1) sequential = i;
  const bool tiled = sequential < nest.depth;
  const Loop across = tiled ? nest.take(sequential) : Loop{1, 0, 0};

  // The longer of the two is cut into pieces, so that a few long rows keep all threads busy too.
  const Loop& cut = across.size > along.size ? across : along;
  const int64_t width = std::min(across.size, along.size);
  const int64_t step = pieces(kPieceElements / std::min(width, kPieceElements), kTile) * kTile;
  const int64_t per_position = pieces(cut.size, step);
  int64_t positions = 1;
  for (uint32_t i = 0; i < nest.depth; ++i) positions *= nest.loops[i].size;
  const int64_t piece_elements = std::min(cut.size, step) * width;
  const int64_t grain = std::max<int64_t>(1, kPieceElements / piece_elements);

  parallel_for(pool, positions * per_position, grain, [&](int64_t begin, int64_t end) {
    Cursor at(nest, begin / per_position);
    for (int64_t item = begin, piece = begin % per_position; item < end; ++item) {
      const int64_t first = piece * step;
      const T* read = source + at.from + first * cut.from;
      T* write = destination + at.to + first * cut.to;
      Loop part = cut;
      part.size = std::min(step, cut.size - first);
      if (!tiled)
        copy_row(read, part.from, write, part.to, part.size);
      else if (&cut == &across)
        copy_plane(read, write, part, along);
      else
        copy_plane(read, write, across, part);
      if (++piece == per_position) {
        piece = 0;
        at.next();
      }
    }
  });
}

}  // namespace

std::array<int64_t, kMaxRank> element_strides(const Shape& shape) {
  std::array<int64_t, kMaxRank> strides{};
  uint64_t stride = 1;  // may wrap around in a tensor without elements
  for (uint32_t i = shape.rank(); i-- > 0;) {
    strides[i] = static_cast<int64_t>(stride);
    stride *= shape[i];
  }
  return strides;
}

void StridedCopy::loop(size_t size, int64_t from, int64_t to) {
  if (size == 0) empty_ = true;
  if (size > 1) loops_[depth_++] = {static_cast<int64_t>(size), from, to};
}

void StridedCopy::run(ThreadPool& pool, const void* source, void* destination) const {
  if (empty_) return;
  const Nest nest(loops_, depth_);
  const auto with = [&]<class T>(T) {
    run_nest(pool, nest, static_cast<const T*>(source), static_cast<T*>(destination));
  };
  switch (element_bytes_) {
    case 1:
      return with(uint8_t{});
    case 2:
      return with(uint16_t{});
    case 4:
      return with(uint32_t{});
  }
}

void copy_elements(ThreadPool& pool, size_t element_bytes, size_t count, const void* source,
                   void* destination) {
  if (source == destination) return;
  StridedCopy copy(element_bytes);
  copy.loop(count, 1, 1);
  copy.run(pool, source, destination);
}

}  // namespace nnapi::host
