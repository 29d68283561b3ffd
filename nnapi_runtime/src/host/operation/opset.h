// The opset as tables: what each NNAPI operation takes and gives. Generated from operations.csv and
// experimental.csv (what Android has in its experimental level only) in nnapi_core/nnapi/opset.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "host/operation/operation.h"

namespace nnapi::host {

// One operand of an operation. Its type is `type`, or what the type combination in use assigns to
// `variable` ('S': a float scalar, FLOAT16 where the tensors are), or anything ('*').
struct OperandRule {
  const char* name;
  char variable;
  int32_t type;
  bool repeated;
  bool nullable;  // it may have no value, but has its place in the list
  bool may_end;   // a list of operands may end before it
  int32_t level;  // since this feature level, where that is later than the operation's; else 0
};

// One way to give the inputs, such as with explicit or with implicit padding.
struct Form {
  const OperandRule* rules;
  size_t count;
  const OperandRule* begin() const { return rules; }
  const OperandRule* end() const { return rules + count; }
};

struct TypeCombination {
  struct Assignment {
    char variable = '\0';
    int32_t type = -1;
  };
  int32_t level;
  std::array<Assignment, 6> types;
};

struct OpsetEntry {
  int32_t code;
  const char* name;
  int32_t level;
  uint32_t min_rank, max_rank;  // of the operands whose type is T
  uint32_t early_ranks;         // a bit for each rank that they may have below level 29; 0: all
  std::span<const Form> forms;
  std::span<const OperandRule> outputs;
  std::span<const TypeCombination> combinations;
  const Operation* operation;  // null: not implemented
};

// The entry of an operation code; null when there is no such operation. A vendor's operation has no
// forms: it may be given anything, and nothing here implements it.
const OpsetEntry* find_operation(int32_t code);

// All operations, ordered by code.
std::span<const OpsetEntry> opset();

}  // namespace nnapi::host
