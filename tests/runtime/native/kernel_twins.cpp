// The fast convolutions against the plain one on random shapes, without anything but the host
// runtime's own objects, so that it runs wherever these can be built: under an emulator, too.
// Prints what differs and returns 1, or returns 0.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "host/kernels/convolution.h"
#include "host/kernels/simd/tile.h"
#include "host/thread_pool.h"

namespace nnapi::host {
namespace {

constexpr int kCases = 400;

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  int64_t integer(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  float real() { return std::normal_distribution<float>()(engine_); }

 private:
  std::mt19937 engine_;
};

// Weights in the order OHWI, or HWO for a depthwise convolution.
Convolution random_convolution(Random& random) {
  Convolution c;
  const bool depthwise = random.integer(0, 2) == 0;
  c.transposed = !depthwise && random.integer(0, 4) == 0;
  const int64_t channels[] = {1, 2, 3, 4, 7, 8, 16, 17, 31, 48, 65, 130};
  c.in = {random.integer(1, 2), random.integer(1, 12), random.integer(1, 12),
          channels[random.integer(0, 11)]};
  const int64_t outputs = depthwise ? c.in.channels : channels[random.integer(0, 11)];
  for (WindowAxis* axis : {&c.y, &c.x}) {
    axis->filter = depthwise && random.integer(0, 1) ? 3 : random.integer(1, 5);
    axis->stride = random.integer(1, 3);
    axis->before = random.integer(0, axis->filter - 1);
    axis->after = random.integer(0, axis->filter - 1);
  }
  const auto size = [&](const WindowAxis& axis, int64_t in) {
    return c.transposed ? (in - 1) * axis.stride + axis.filter - axis.before - axis.after
                        : axis.positions(in);
  };
  c.out = {c.in.batch, size(c.y, c.in.height), size(c.x, c.in.width), outputs};
  c.groups = depthwise ? c.in.channels : 1;
  c.weight.in = depthwise ? 0 : 1;
  c.weight.column = depthwise ? outputs : c.in.channels;
  c.weight.row = c.weight.column * c.x.filter;
  c.weight.out = depthwise ? 1 : c.weight.row * c.y.filter;
  return c;
}

int64_t weight_count(const Convolution& c) {
  return c.y.filter * c.x.filter * c.group_in() * c.out.channels;
}

// The largest difference between the two, or -1 if there is no fast one.
template <class T, class W, class B, class Draw, class DrawWeight, class DrawBias>
double difference(const Convolution& c, Draw draw, DrawWeight draw_weight, DrawBias draw_bias) {
  std::vector<T> input(static_cast<size_t>(c.in.count())), fast(static_cast<size_t>(c.out.count())),
      plain(fast.size());
  std::vector<W> weights(static_cast<size_t>(weight_count(c)));
  std::vector<B> bias(static_cast<size_t>(c.out.channels));
  for (T& x : input) x = draw();
  for (W& w : weights) w = draw_weight();
  for (B& b : bias) b = draw_bias();
  const auto plan = plan_convolution(c, weights.data(), bias.data());
  if (!plan) return -1;
  std::vector<char> scratch(plan->scratch_bytes + 64);
  char* aligned = scratch.data() + 63 - (reinterpret_cast<uintptr_t>(scratch.data()) + 63) % 64;
  ThreadPool& pool = ThreadPool::instance();
  plan->run({input.data(), weights.data(), bias.data(), fast.data()}, aligned, pool);
  convolve_reference(c, {input.data(), weights.data(), bias.data(), plain.data()}, pool);
  double largest = 0;
  for (size_t i = 0; i < fast.size(); ++i) {
    const double difference = std::fabs(double(fast[i]) - double(plain[i]));
    if (std::isnan(difference)) return HUGE_VAL;
    if (difference > largest) largest = difference;
  }
  return largest;
}

double difference_of_reals(Convolution c, Random& random) {
  c.type = c.weight_type = ANEURALNETWORKS_TENSOR_FLOAT32;
  c.real_range = random.integer(0, 1) ? ClampRange<float>{0, 6} : ClampRange<float>{-1e9f, 1e9f};
  const auto draw = [&] { return random.real(); };
  return difference<float, float, float>(c, draw, draw, draw);
}

double difference_of_steps(Convolution c, Random& random) {
  c.type = ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED;
  c.weight_type = ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL;
  c.in_zero = static_cast<int32_t>(random.integer(-128, 127));
  c.out_zero = static_cast<int32_t>(random.integer(-20, 20));
  const std::vector<float> scales(static_cast<size_t>(c.out.channels), 0.0071f);
  c.scale.input_by_output = 0.02;
  c.scale.channels = scales.data();
  c.step_range = {-128, 127};
  const auto draw = [&] { return static_cast<int8_t>(random.integer(-128, 127)); };
  return difference<int8_t, int8_t, int32_t>(
      c, draw, draw, [&] { return static_cast<int32_t>(random.integer(-3000, 3000)); });
}

struct Tally {
  int compared = 0, wrong = 0;
};

void compare(unsigned number, Tally* tally) {
  Random random(number);
  const Convolution c = random_convolution(random);
  if (c.out.height <= 0 || c.out.width <= 0) return;
  const double reals = difference_of_reals(c, random), steps = difference_of_steps(c, random);
  if (reals >= 0) ++tally->compared;
  if (steps >= 0) ++tally->compared;
  // A factor in float32 instead of float64 may move what is close to a tie by one step.
  if (reals <= 2e-3 && steps <= 1) return;
  ++tally->wrong;
  std::fprintf(stderr,
               "case %u (%lld -> %lld channels, window %lldx%lld): reals differ by %g, steps by "
               "%g\n",
               number, static_cast<long long>(c.in.channels),
               static_cast<long long>(c.out.channels), static_cast<long long>(c.y.filter),
               static_cast<long long>(c.x.filter), reals, steps);
}

int run() {
  Tally tally;
  for (unsigned number = 0; number < kCases; ++number) compare(number, &tally);
  std::printf("%s: %d convolutions compared, %d wrong\n", tile_loops().name, tally.compared,
              tally.wrong);
  return tally.wrong != 0 || tally.compared < kCases ? 1 : 0;
}

}  // namespace
}  // namespace nnapi::host

int main() { return nnapi::host::run(); }
