// A group of elementwise steps, ready to run.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "host/program/block_memory.h"
#include "host/program/elementwise_groups.h"
#include "host/program/fused_formula.h"

namespace nnapi::host {

class FusedElementwise {
 public:
  // Takes the loops of the group's steps. slots: by operand.
  FusedElementwise(const Model& model, const std::vector<Step>& steps,
                   const ElementwiseGroup& group, const std::vector<int8_t>& slots,
                   std::vector<ElementLoop>& loops);

  uint32_t last_step() const { return last_step_; }
  // times: null, or to be filled with the nanoseconds that each step took on the first block.
  void run(const Tensor* tensors, ThreadPool& pool, uint64_t* times) const;

 private:
  // One step by its loop, or several by a formula.
  struct Member {
    ElementLoop loop;
    OperandPlace a, b, out;  // b is a where a step reads one tensor
    std::unique_ptr<const FusedFormula> formula;
    uint32_t steps() const { return formula ? formula->steps() : 1; }
  };

  static void run_member(const Member& member, int64_t begin, int64_t end,
                         const BlockMemory& memory);
  void time_block(int64_t begin, int64_t end, const BlockMemory& memory, uint64_t* times) const;

  std::vector<Member> members_;
  std::vector<double> costs_;  // of each step, by element, in pieces
  uint32_t last_step_;
  int64_t count_, blocks_per_piece_;
};

}  // namespace nnapi::host
