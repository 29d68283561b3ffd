// Where the operands of a group's steps are while a block of elements is computed.
#pragma once

#include <cstdint>

#include "host/arithmetic/element_loop.h"
#include "host/program/elementwise_groups.h"
#include "host/tensor/tensor.h"

namespace nnapi::host {

struct OperandPlace {
  uint32_t operand;
  int8_t slot;
};

// The memory of one block, which begins at element `begin`.
struct BlockMemory {
  static constexpr int64_t kElements = 1024;  // several operands' fit the first cache together
  // The largest elements have 4 bytes. What lies 4 KB apart may be taken for the same place.
  static constexpr int64_t kSlotBytes = kElements * 4 + 512;

  const Tensor* tensors;
  char* slots;  // kBlockSlots of them
  int64_t begin;

  ElementPlace operator[](const OperandPlace& at) const {
    if (at.slot == kNoSlot) return {static_cast<char*>(tensors[at.operand].data), 0};
    return {slots + at.slot * kSlotBytes, begin};
  }
};

}  // namespace nnapi::host
