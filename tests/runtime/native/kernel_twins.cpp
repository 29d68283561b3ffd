// The fast convolutions against the plain one on random shapes, without anything but the host
// runtime's own objects, so that it runs wherever these can be built: under an emulator, too.
// Prints what differs, and at the end a hash of all results' bits, which depends on the instruction
// set, but not on the number of threads. Returns 1 if something differs, or if NNAPI_HOST_ISA names
// another instruction set than the one that computed; or 0. With an argument, nothing is compared.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "host/base/hash.h"
#include "host/kernels/matmul/stored_rows.h"
#include "host/kernels/reference/stored_rows.h"
#include "host/kernels/selection/select_convolution_plan.h"
#include "host/kernels/simd/simd_loops.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

constexpr int kCases = 400, kHardCases = 60;

bool compares = true;

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

int64_t output_size(const Convolution& c, const WindowAxis& axis, int64_t in) {
  return c.transposed ? (in - 1) * axis.stride + axis.filter - axis.before - axis.after
                      : axis.positions(in);
}

// Of images not smaller than `least`; Winograd's method is for floats and not too few pixels.
Convolution random_window(Random& random, int64_t least) {
  Convolution c;
  const int64_t channels[] = {16, 17, 24, 31, 48, 65, 130};
  c.in = {random.integer(1, 3), random.integer(least, 20), random.integer(least, 20),
          channels[random.integer(0, 6)]};
  for (WindowAxis* axis : {&c.y, &c.x}) {
    axis->filter = 3;
    axis->before = random.integer(0, 2);
    axis->after = random.integer(0, 2);
  }
  c.out = {c.in.batch, output_size(c, c.y, c.in.height), output_size(c, c.x, c.in.width),
           channels[random.integer(0, 6)]};
  c.weight = {.out = 9 * c.in.channels, .row = 3 * c.in.channels, .column = c.in.channels, .in = 1};
  return c;
}

// Weights in the order OHWI, or HWO for a depthwise convolution.
Convolution random_convolution(Random& random) {
  if (random.integer(0, 4) == 0) return random_window(random, 4);
  Convolution c;
  const bool depthwise = random.integer(0, 2) == 0;
  c.transposed = !depthwise && random.integer(0, 4) == 0;
  const int64_t channels[] = {1, 2, 3, 4, 7, 8, 16, 17, 31, 48, 65, 130};
  c.in = {random.integer(1, 2), random.integer(1, 12), random.integer(1, 12),
          channels[random.integer(0, 11)]};
  const int64_t outputs = depthwise ? c.in.channels : channels[random.integer(0, 11)];
  for (WindowAxis* axis : {&c.y, &c.x}) {
    axis->filter = depthwise && random.integer(0, 1) ? 3 : random.integer(1, depthwise ? 7 : 5);
    axis->stride = random.integer(1, 3);
    axis->before = random.integer(0, axis->filter - 1);
    axis->after = random.integer(0, axis->filter - 1);
  }
  c.out = {c.in.batch, output_size(c, c.y, c.in.height), output_size(c, c.x, c.in.width), outputs};
  c.groups = depthwise ? c.in.channels : 1;
  c.weight.in = depthwise ? 0 : 1;
  c.weight.column = depthwise ? outputs : c.in.channels;
  c.weight.row = c.weight.column * c.x.filter;
  c.weight.out = depthwise ? 1 : c.weight.row * c.y.filter;
  return c;
}

// Of all that the fast kernels have computed.
Hash& results_hash() {
  static Hash hash;
  return hash;
}

int64_t weight_count(const Convolution& c) {
  return c.y.filter * c.x.filter * c.group_in() * c.out.channels;
}

template <class T, class W, class B>
std::vector<T> computed(const ConvolutionPlan& plan, const Convolution& c,
                        const std::vector<T>& input, const std::vector<W>& weights,
                        const std::vector<B>& bias) {
  std::vector<T> output(static_cast<size_t>(c.out.count()));
  std::vector<char> scratch(plan.scratch_bytes + 64);
  char* aligned = scratch.data() + 63 - (reinterpret_cast<uintptr_t>(scratch.data()) + 63) % 64;
  plan.run({input.data(), weights.data(), bias.data(), output.data()}, aligned,
           ThreadPool::instance());
  results_hash().add(output.data(), output.size() * sizeof(T));
  return output;
}

template <class T, class W, class B>
std::vector<T> computed_plainly(const Convolution& c, const std::vector<T>& input,
                                const std::vector<W>& weights, const std::vector<B>& bias) {
  std::vector<T> output(static_cast<size_t>(c.out.count()));
  convolve_reference(c, {input.data(), weights.data(), bias.data(), output.data()},
                     ThreadPool::instance());
  return output;
}

// The largest difference between the two, or -1 if there is no fast one.
template <class T, class W, class B, class Draw, class DrawWeight, class DrawBias>
double difference(const Convolution& c, Draw draw, DrawWeight draw_weight, DrawBias draw_bias) {
  std::vector<T> input(static_cast<size_t>(c.in.count()));
  std::vector<W> weights(static_cast<size_t>(weight_count(c)));
  std::vector<B> bias(static_cast<size_t>(c.out.channels));
  for (T& x : input) x = draw();
  for (W& w : weights) w = draw_weight();
  for (B& b : bias) b = draw_bias();
  const auto plan = plan_convolution(c, weights.data(), bias.data());
  if (!plan) return -1;
  const std::vector<T> fast = computed(*plan, c, input, weights, bias);
  if (!compares) return 0;
  const std::vector<T> plain = computed_plainly(c, input, weights, bias);
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
  c.float_range = random.integer(0, 1) ? ClampRange<float>{0, 6} : ClampRange<float>{-1e9f, 1e9f};
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
  c.byte_range = {-128, 127};
  const auto draw = [&] { return static_cast<int8_t>(random.integer(-128, 127)); };
  return difference<int8_t, int8_t, int32_t>(
      c, draw, draw, [&] { return static_cast<int32_t>(random.integer(-3000, 3000)); });
}

// The same of unsigned inputs and weights, both with zero points.
double difference_of_unsigned_steps(Convolution c, Random& random) {
  c.type = c.weight_type = ANEURALNETWORKS_TENSOR_QUANT8_ASYMM;
  c.in_zero = static_cast<int32_t>(random.integer(0, 255));
  c.weight_zero = random.integer(0, 1) ? 128 : static_cast<int32_t>(random.integer(0, 255));
  c.out_zero = static_cast<int32_t>(random.integer(100, 150));
  c.scale.common = 0.0071 * 0.02;
  c.byte_range = {0, static_cast<int32_t>(random.integer(200, 255))};
  const auto draw = [&] { return static_cast<uint8_t>(random.integer(0, 255)); };
  return difference<uint8_t, uint8_t, int32_t>(
      c, draw, draw, [&] { return static_cast<int32_t>(random.integer(-3000, 3000)); });
}

// A 3x3 convolution of numbers some of which are infinite, NaN or so large that sums overflow: what
// is finite is so in both, and near. Near means beside the sum of all absolute products, with each
// window's largest weight: products with other pixels of the window come and go on the way.
bool agrees_on_hard_values(unsigned number) {
  Random random(number);
  Convolution c = random_window(random, 8);
  c.type = c.weight_type = ANEURALNETWORKS_TENSOR_FLOAT32;
  c.float_range = {random.integer(0, 1) ? 0 : -HUGE_VALF, HUGE_VALF};
  std::vector<float> input(static_cast<size_t>(c.in.count())),
      weights(static_cast<size_t>(weight_count(c))), bias(static_cast<size_t>(c.out.channels));
  for (std::vector<float>* values : {&input, &weights, &bias})
    for (float& value : *values) value = random.real();
  constexpr float hard[] = {HUGE_VALF, -HUGE_VALF, NAN, 1e38f, -1e38f, 3.4e38f, -3.4e38f};
  const int64_t hard_values = random.integer(1, 12);
  for (int64_t i = 0; i < hard_values; ++i)
    input[static_cast<size_t>(random.integer(0, c.in.count() - 1))] = hard[random.integer(0, 6)];
  if (random.integer(0, 3) == 0)
    weights[static_cast<size_t>(random.integer(0, weight_count(c) - 1))] =
        hard[random.integer(0, 6)];
  const auto plan = plan_convolution(c, weights.data(), bias.data());
  const std::vector<float> fast = computed(*plan, c, input, weights, bias);
  if (!compares) return true;
  const std::vector<float> plain = computed_plainly(c, input, weights, bias);
  for (float& value : input) value = std::fabs(value);
  for (float& value : bias) value = std::fabs(value);
  for (int64_t out = 0; out < c.out.channels; ++out)
    for (int64_t in = 0; in < c.in.channels; ++in) {
      float* window = weights.data() + out * c.weight.out + in * c.weight.in;
      float largest = 0;
      for (int64_t tap = 0; tap < 9; ++tap)
        largest = std::fmax(largest, std::fabs(window[tap * c.weight.column]));
      for (int64_t tap = 0; tap < 9; ++tap) window[tap * c.weight.column] = largest;
    }
  const std::vector<float> magnitude = computed_plainly(c, input, weights, bias);
  for (size_t i = 0; i < fast.size(); ++i) {
    const double difference = std::fabs(double(fast[i]) - double(plain[i]));
    const bool agrees = std::isnan(plain[i])      ? std::isnan(fast[i])
                        : std::isfinite(plain[i]) ? difference <= 1e-5 * (1 + double(magnitude[i]))
                                                  : fast[i] == plain[i];
    if (!agrees) return false;
  }
  return true;
}

struct Tally {
  int compared = 0, wrong = 0;
};

void compare(unsigned number, Tally* tally) {
  Random random(number);
  const Convolution c = random_convolution(random);
  if (c.out.height <= 0 || c.out.width <= 0) return;
  const double reals = difference_of_reals(c, random), steps = difference_of_steps(c, random),
               unsigned_steps = difference_of_unsigned_steps(c, random);
  if (reals >= 0) ++tally->compared;
  if (steps >= 0) ++tally->compared;
  if (unsigned_steps >= 0) ++tally->compared;
  // A factor in float32 instead of float64 may move what is close to a tie by one step.
  if (reals <= 2e-3 && steps <= 1 && unsigned_steps <= 1) return;
  ++tally->wrong;
  std::fprintf(stderr,
               "case %u (%lld -> %lld channels, window %lldx%lld): reals differ by %g, steps by "
               "%g, unsigned ones by %g\n",
               number, static_cast<long long>(c.in.channels),
               static_cast<long long>(c.out.channels), static_cast<long long>(c.y.filter),
               static_cast<long long>(c.x.filter), reals, steps, unsigned_steps);
}

// Vectors times integers with a scale for each row, as they are stored.
bool agrees_on_stored_rows(unsigned number) {
  Random random(number);
  StoredRows matrix{};
  matrix.rows = random.integer(1, 70);
  matrix.columns = random.integer(0, 90);
  const int64_t count = random.integer(1, 9);
  std::vector<int8_t> weights(static_cast<size_t>(matrix.rows * matrix.columns) + 1);
  for (int8_t& one : weights) one = static_cast<int8_t>(random.integer(-128, 127));
  std::vector<float> scales(static_cast<size_t>(matrix.rows)), bias(scales.size());
  for (float& one : scales) one = std::fabs(random.real()) / 64;
  for (float& one : bias) one = random.real();
  std::vector<float> x(static_cast<size_t>(count * matrix.columns) + 1);
  for (float& one : x) one = random.real();
  matrix.data = weights.data();
  matrix.scales = scales.data();
  const auto range = activation_range(static_cast<int32_t>(random.integer(0, 3)));
  std::vector<float> fast(static_cast<size_t>(count * matrix.rows)), plain(fast.size());
  multiply_stored(ThreadPool::instance(),
                  {matrix, bias.data(), range, x.data(), fast.data(), count});
  results_hash().add(fast.data(), fast.size() * sizeof(float));
  reference::multiply_stored({matrix, bias.data(), range, x.data(), plain.data(), count});
  for (size_t i = 0; i < fast.size(); ++i) {
    // Sums of at most 90 products below 128 steps of a scale.
    const double scale = double(scales[i % scales.size()]) * 128 * 90;
    if (std::fabs(double(fast[i]) - double(plain[i])) > 1e-6 * (1 + scale)) return false;
  }
  return true;
}

int run() {
  Tally tally;
  for (unsigned number = 0; number < kCases; ++number) {
    ++tally.compared;
    if (agrees_on_stored_rows(number)) continue;
    ++tally.wrong;
    std::fprintf(stderr, "stored rows, case %u: results differ\n", number);
  }
  for (unsigned number = 0; number < kCases; ++number) compare(number, &tally);
  for (unsigned number = 0; number < kHardCases; ++number) {
    ++tally.compared;
    if (agrees_on_hard_values(number)) continue;
    ++tally.wrong;
    std::fprintf(stderr, "hard values, case %u: results differ\n", number);
  }
  if (compares)
    std::printf("%s: %d products compared, %d wrong\n", tile_loops().name, tally.compared,
                tally.wrong);
  std::printf("bits %016llx\n", static_cast<unsigned long long>(results_hash().value()));
  const char* wish = std::getenv("NNAPI_HOST_ISA");
  if (wish && std::strcmp(wish, tile_loops().name) != 0) return 1;
  return tally.wrong != 0 || tally.compared < 2 * kCases ? 1 : 0;
}

}  // namespace
}  // namespace nnapi::host

int main(int count, char**) {
  nnapi::host::compares = count == 1;
  return nnapi::host::run();
}
