// Runs a fuzz target where there is no libFuzzer: fuzz_… SECONDS [SEED]. The input that ended it is
// the one of the number printed last: SECONDS 0 and that number as SEED run it again.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

// Zeros are the plain choices: with none of them no model is valid, with zeros alone all are alike.
std::vector<uint8_t> random_input(uint32_t seed) {
  std::mt19937 generator(seed);
  const uint32_t zeros = generator() % 100;
  std::vector<uint8_t> input(16 + generator() % 2000);
  for (uint8_t& byte : input) {
    const auto value = static_cast<uint8_t>(generator());
    byte = generator() % 100 < zeros ? 0 : value;
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s SECONDS [SEED]\n", argv[0]);
    return 2;
  }
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(std::atof(argv[1]));
  uint32_t seed = argc > 2 ? static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10)) : 0;
  const uint32_t first = seed;
  LLVMFuzzerInitialize(&argc, &argv);
  do {
    std::fprintf(stderr, "\rinput %u", seed);
    const std::vector<uint8_t> input = random_input(seed++);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  } while (Clock::now() < end);
  std::fprintf(stderr, "\n%u inputs\n", seed - first);
  return 0;
}
