// What NeuralNetworks.h and Android's tests pin down for each function of NNAPI: states, nulls,
// counts, types, ranks, roles, growth, fences, deadlines; computed at once, in the background, in
// bursts, behind fences and again. Prints how much was checked; what is wrong goes to stderr.
#include "check.h"

int main() {
  using namespace contract;
  check_nulls();
  check_operand_types();
  check_values();
  check_operations();
  check_relations();
  check_states();
  check_arguments();
  check_computations();
  check_memories();
  check_events();
  check_extensions();
  std::printf("%d checks, %d wrong\n", g_checks, g_failures);
  return g_failures == 0 ? 0 : 1;
}
