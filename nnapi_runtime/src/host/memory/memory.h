// Memory objects: file descriptors mapped into the process, and buffers made from a descriptor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "host/base/operand_types.h"
#include "host/base/status.h"
#include "host/memory/buffer.h"

namespace nnapi::host {

class Compilation;

enum class Role { kInput, kOutput };

// What a memory made from a descriptor may be used for: one input or output of a compilation.
struct MemoryRole {
  const Compilation* compilation;
  Role role;
  uint32_t index;
  bool operator==(const MemoryRole&) const = default;
};

// What a memory's elements are, wherever they come from.
struct ElementKind {
  int32_t type = -1;
  float scale = 0.0f;
  int32_t zero_point = 0;
  uint32_t channel_dim = 0;
  std::vector<float> channel_scales;
  bool operator==(const ElementKind&) const = default;
};

class Memory {
 public:
  static constexpr uint32_t kMagic = 0x6d656d31;

  // Maps [offset, offset + size) of the file; the descriptor may be closed afterwards.
  static Status map(size_t size, int protection, int fd, size_t offset,
                    std::shared_ptr<Memory>* memory);
  // A buffer for operands of one type, whose unknown dimensions are settled by what is written.
  Memory(std::vector<MemoryRole> roles, ElementKind kind, Dimensions dimensions);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Copies all of it, with the shape. Not for memories of different sizes or types.
  static Status copy(Memory& from, Memory& to);

  void* data() const { return data_; }
  size_t size() const { return size_; }
  bool has_roles() const { return !roles_.empty(); }
  bool is_writable() const { return writable_; }

  Status check_constant_range(size_t offset, size_t length) const;
  // May it serve as this argument of an execution?
  Status check_argument(const MemoryRole& role, const Dimensions* dimensions, size_t offset,
                        size_t length) const;

  // ---- memories with roles
  const Dimensions& dimensions() const { return dimensions_; }
  bool is_initialized() const { return initialized_; }
  // Does every result that it is made for take as many bytes?
  bool has_fixed_size() const { return is_fully_known(kind_.type, declared_); }
  // Makes room for a result of this shape; false when it contradicts what the memory was made for.
  bool settle(const Dimensions& dimensions);
  void set_initialized(bool initialized) { initialized_ = initialized; }

 private:
  Memory() = default;

  void* data_ = nullptr;
  size_t size_ = 0;
  bool readable_ = true, writable_ = true;
  void* mapping_ = nullptr;
  size_t mapped_ = 0;

  std::vector<MemoryRole> roles_;
  ElementKind kind_;
  Dimensions declared_, dimensions_;
  bool initialized_ = true;
  Buffer buffer_;
};

}  // namespace nnapi::host
