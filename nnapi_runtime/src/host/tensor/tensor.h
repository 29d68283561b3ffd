// What a kernel sees of an operand: element type, shape, quantisation and memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "host/base/operand_types.h"

namespace nnapi::host {

// Many operations stop at rank 4 and REVERSE at 8, but MIRROR_PAD, TILE, GATHER and other movers
// have no upper bound, and Android's own tests pad tensors of rank 10.
constexpr uint32_t kMaxRank = 16;

// Dimensions held in place: making, copying or comparing a Shape never allocates.
// A dimension of 0 is a true size of zero here; "unknown" exists only in a model's operand types.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<uint32_t> dims) {
    for (uint32_t d : dims) push_back(d);
  }
  Shape(const uint32_t* dims, uint32_t rank) {
    for (uint32_t i = 0; i < rank; ++i) push_back(dims[i]);
  }

  uint32_t rank() const { return rank_; }
  uint32_t operator[](uint32_t i) const { return dims_[i]; }
  uint32_t& operator[](uint32_t i) { return dims_[i]; }
  const uint32_t* begin() const { return dims_.data(); }
  const uint32_t* end() const { return dims_.data() + rank_; }
  // The caller keeps rank() < kMaxRank; a model of a higher rank is refused when it is finished.
  void push_back(uint32_t d) { dims_[rank_++] = d; }
  void resize(uint32_t rank, uint32_t fill = 1) {
    for (uint32_t i = rank_; i < rank; ++i) dims_[i] = fill;
    rank_ = rank;
  }

  // Product of the dimensions in [first, last); 1 for an empty range.
  size_t count(uint32_t first, uint32_t last) const {
    size_t n = 1;
    for (uint32_t i = first; i < last; ++i) n *= dims_[i];
    return n;
  }
  size_t count() const { return count(0, rank_); }

  bool operator==(const Shape& other) const {
    if (rank_ != other.rank_) return false;
    for (uint32_t i = 0; i < rank_; ++i)
      if (dims_[i] != other.dims_[i]) return false;
    return true;
  }

 private:
  uint32_t rank_ = 0;
  std::array<uint32_t, kMaxRank> dims_{};
};

// Scales of a TENSOR_QUANT8_SYMM_PER_CHANNEL operand: one for each index of dimension `dim`.
struct ChannelScales {
  uint32_t dim = 0;
  uint32_t count = 0;
  const float* scales = nullptr;
};

// What a client said of an operand of a vendor's type, beside its shape.
struct ExtensionData {
  const void* data = nullptr;
  size_t bytes = 0;
};

struct Tensor {
  int32_t type = 0;  // ANEURALNETWORKS_TENSOR_…, or a scalar type
  Shape shape;       // rank 0 for a scalar
  float scale = 0.0f;
  int32_t zero_point = 0;
  ChannelScales channel;
  ExtensionData extension;
  void* data = nullptr;   // null: omitted, empty, or (in infer and prepare) not known yet
  bool constant = false;  // data is there already in infer and prepare, and never changes

  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
  template <class T>
  T* as() {
    return static_cast<T*>(data);
  }
  size_t count() const { return shape.count(); }
};

}  // namespace nnapi::host
