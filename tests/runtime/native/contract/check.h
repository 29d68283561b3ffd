// Counts what is checked, and says what is not as NNAPI's documentation and tests have it.
#pragma once

#include <cstdio>

#include "nnapi/neural_networks.h"

namespace contract {

inline int g_checks = 0, g_failures = 0;

inline bool expect_code(int got, int wanted, const char* what, const char* file, int line) {
  ++g_checks;
  if (got == wanted) return true;
  ++g_failures;
  std::fprintf(stderr, "%s:%d: %s: got %d, expected %d\n", file, line, what, got, wanted);
  return false;
}

inline bool expect_true(bool holds, const char* what, const char* file, int line) {
  ++g_checks;
  if (holds) return true;
  ++g_failures;
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what);
  return false;
}

constexpr int kOk = ANEURALNETWORKS_NO_ERROR, kNull = ANEURALNETWORKS_UNEXPECTED_NULL,
              kBadData = ANEURALNETWORKS_BAD_DATA, kBadState = ANEURALNETWORKS_BAD_STATE,
              kFailed = ANEURALNETWORKS_OP_FAILED,
              kTooSmall = ANEURALNETWORKS_OUTPUT_INSUFFICIENT_SIZE;

#define EXPECT(call, code) contract::expect_code(call, code, #call, __FILE__, __LINE__)
#define EXPECT_THAT(condition) contract::expect_true(condition, #condition, __FILE__, __LINE__)

// ---- one function for each file
void check_nulls();
void check_operand_types();
void check_values();
void check_operations();
void check_relations();
void check_states();
void check_arguments();
void check_computations();
void check_memories();
void check_events();
void check_extensions();

}  // namespace contract
