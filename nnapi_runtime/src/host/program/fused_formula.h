// Simple steps of float32 that follow each other in a group, as one loop: what one hands to the
// next stays in registers. Each result is rounded as the steps round theirs.
#pragma once

#include <cstdint>
#include <vector>

#include "host/kernels/simd/simd_loops.h"
#include "host/program/block_memory.h"

namespace nnapi::host {

class FusedFormula {
 public:
  // Of the group's steps from `first` on, as many as can be. slots: by operand.
  FusedFormula(const Model& model, const std::vector<Step>& steps, uint32_t first,
               const ElementwiseGroup& group, const std::vector<int8_t>& slots);

  uint32_t steps() const { return steps_; }
  // Elements [begin, end), all of them in one block.
  void compute(int64_t begin, int64_t end, const BlockMemory& memory) const;

 private:
  class Writer;
  // Where the operand of an element is: so many elements on for each element, and each row.
  struct Extent {
    int64_t by_element, by_row;
  };
  struct Instruction {
    FormulaCode code;
    OperandPlace place;
    Extent extent;
    float bounds[2];  // kClamp has these instead
  };

  static constexpr size_t kMostInstructions = 64;
  std::vector<Instruction> instructions_;
  int64_t row_elements_ = 0;  // 0: it does not matter where rows begin
  uint32_t steps_ = 0;
};

}  // namespace nnapi::host
