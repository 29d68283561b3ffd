// A group of elementwise steps, ready to run.
#pragma once

#include <cstdint>
#include <vector>

#include "host/element_loop.h"
#include "host/step_groups.h"

namespace nnapi::host {

class ElementGroup {
 public:
  // Takes the loops of the group's steps. slots: by operand.
  ElementGroup(const Model& model, const std::vector<Step>& steps, const StepGroup& group,
               const std::vector<int8_t>& slots, std::vector<ElementLoop>& loops);

  uint32_t last_step() const { return last_step_; }
  // times: null, or to be filled with the nanoseconds that each step took on the first block.
  void run(const Tensor* tensors, ThreadPool& pool, uint64_t* times) const;

 private:
  struct Place {
    uint32_t operand;
    int8_t slot;
  };
  struct Member {
    ElementLoop loop;
    Place a, b, out;  // b is a where a step reads one tensor
    uint32_t steps;   // that it is of
  };

  void run_block(int64_t begin, int64_t end, const Tensor* tensors, char* slots) const;
  void time_block(int64_t begin, int64_t end, const Tensor* tensors, char* slots,
                  uint64_t* times) const;
  static void run_member(const Member& member, int64_t begin, int64_t end, const Tensor* tensors,
                         char* slots);

  std::vector<Member> members_;
  uint32_t last_step_;
  int64_t count_, blocks_per_piece_;
};

}  // namespace nnapi::host
