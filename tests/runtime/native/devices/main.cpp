// What a client sees of the devices of a file (docs/host_devices.md). Prints how much was checked.
#include "simulated.h"

int main() {
  using namespace devices;
  check_lists();
  check_support();
  check_placement();
  check_faults();
  check_wrong_results();
  check_settings();
  check_device_memories();
  std::printf("%d checks, %d wrong\n", g_checks, g_failures);
  return g_failures == 0 ? 0 : 1;
}
