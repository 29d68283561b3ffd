#include "session/tensor/value.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "loader/error.h"
#include "nnapi/neural_networks.h"

namespace nnapi::session {

int64_t Value::count() const {
  int64_t count = 1;
  for (const int64_t dim : shape) count *= dim;
  return count;
}

bool Value::is_contiguous() const {
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

std::vector<int64_t> contiguous_strides(std::span<const int64_t> shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

std::shared_ptr<std::byte> new_memory(size_t bytes, const char* what) {
  void* memory = nullptr;  // Android has aligned_alloc from level 28 on
  if (bytes > SIZE_MAX - 64 || posix_memalign(&memory, 64, (bytes + 64) / 64 * 64) != 0) {
    throw loader::CallError(
        ANEURALNETWORKS_OUT_OF_MEMORY, "posix_memalign", {},
        "there is no memory for the " + std::to_string(bytes) + " bytes of " + what);
  }
  return {static_cast<std::byte*>(memory), [](std::byte* one) { std::free(one); }};
}

namespace {

// A dimension of a copy: strides in bytes.
struct Axis {
  int64_t size;
  int64_t from;
  int64_t to;
};

// Dimensions of more than one element, those that lie together on both sides as one.
std::vector<Axis> merged_axes(const Value& value, std::span<const int64_t> target,
                              int64_t element) {
  std::vector<Axis> axes;
  for (size_t i = 0; i < value.shape.size(); ++i) {
    if (value.shape[i] == 1) continue;
    const Axis axis{value.shape[i], value.strides[i] * element, target[i] * element};
    if (!axes.empty() && axes.back().from == axis.from * axis.size &&
        axes.back().to == axis.to * axis.size) {
      axes.back() = {axes.back().size * axis.size, axis.from, axis.to};
    } else {
      axes.push_back(axis);
    }
  }
  return axes;
}

template <class Word>
void copy_plane(const std::byte* from, std::byte* to, const Axis& rows, const Axis& columns) {
  // Squares, so that neither side jumps over more lines than the cache holds.
  constexpr int64_t kSide = 32;
  for (int64_t row = 0; row < rows.size; row += kSide) {
    const int64_t row_end = std::min(rows.size, row + kSide);
    for (int64_t column = 0; column < columns.size; column += kSide) {
      const int64_t column_end = std::min(columns.size, column + kSide);
      for (int64_t r = row; r < row_end; ++r) {
        const std::byte* source = from + r * rows.from + column * columns.from;
        std::byte* target = to + r * rows.to + column * columns.to;
        for (int64_t c = column; c < column_end; ++c) {
          std::memcpy(target, source, sizeof(Word));
          source += columns.from;
          target += columns.to;
        }
      }
    }
  }
}

struct Word16 {
  uint64_t low, high;
};

void copy_plane(const std::byte* from, std::byte* to, const Axis& rows, const Axis& columns,
                int64_t element) {
  if (columns.from == element && columns.to == element) {
    for (int64_t r = 0; r < rows.size; ++r) {
      std::memcpy(to + r * rows.to, from + r * rows.from,
                  static_cast<size_t>(columns.size * element));
    }
    return;
  }
  switch (element) {
    case 1:
      return copy_plane<uint8_t>(from, to, rows, columns);
    case 2:
      return copy_plane<uint16_t>(from, to, rows, columns);
    case 4:
      return copy_plane<uint32_t>(from, to, rows, columns);
    case 8:
      return copy_plane<uint64_t>(from, to, rows, columns);
    default:
      return copy_plane<Word16>(from, to, rows, columns);
  }
}

void copy_axes(const std::byte* from, std::byte* to, std::span<const Axis> axes, int64_t element) {
  if (axes.size() > 2) {
    for (int64_t i = 0; i < axes[0].size; ++i) {
      copy_axes(from + i * axes[0].from, to + i * axes[0].to, axes.subspan(1), element);
    }
    return;
  }
  const Axis one{1, 0, 0};
  copy_plane(from, to, axes.size() == 2 ? axes[0] : one,
             axes.empty() ? Axis{1, element, element} : axes.back(), element);
}

}  // namespace

void copy_elements(const Value& value, std::byte* target, std::span<const int64_t> strides) {
  const int64_t element = element_of(value.dtype).size;
  if (value.count() == 0) return;
  std::vector<Axis> axes = merged_axes(value, strides, element);
  if (axes.size() > 2) {
    // The plane that is copied in squares: the last dimension, and the one that lies closest.
    const auto closest = std::min_element(
        axes.begin(), axes.end() - 1,
        [](const Axis& a, const Axis& b) { return std::abs(a.from) < std::abs(b.from); });
    std::rotate(closest, closest + 1, axes.end() - 1);
  }
  copy_axes(value.data, target, axes, element);
}

void copy_contiguous(const Value& value, std::byte* target) {
  copy_elements(value, target, contiguous_strides(value.shape));
}

Value contiguous(const Value& value) { return value.is_contiguous() ? value : copied(value); }

Value copied(const Value& value) {
  Value copy = value;
  copy.foreign = nullptr;
  const size_t bytes = static_cast<size_t>(value.count()) * element_of(value.dtype).size;
  const auto memory = new_memory(bytes, "a copy of a tensor");
  copy_contiguous(value, memory.get());
  copy.data = memory.get();
  copy.owner = memory;
  copy.strides = contiguous_strides(value.shape);
  return copy;
}

}  // namespace nnapi::session
