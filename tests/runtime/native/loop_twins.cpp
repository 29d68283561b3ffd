// The loops of one instruction set that are no convolutions against plain ones: functions, softmax,
// sums, formulas, mixtures, sums of 8-bit steps, tables of bytes. As kernel_twins.cpp, for wherever
// the host runtime's objects can be built. Prints what differs and returns 1, or returns 0.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "host/arithmetic/byte_lookup.h"
#include "host/kernels/simd/simd_loops.h"

namespace nnapi::host {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kLongest = 75;  // several tiles of any instruction set, and a rest of any length

class Twins {
 public:
  int finish() const {
    std::printf("%s: %lld results of loops compared, %d wrong\n", loops_.name,
                static_cast<long long>(compared_), wrong_);
    return wrong_ != 0;
  }

  void compare_functions() {
    compare_function("exp", loops_.exponential, [](double x) { return std::exp(x); });
    compare_function("logistic", loops_.logistic, [](double x) { return 1 / (1 + std::exp(-x)); });
    compare_function("tanh", loops_.hyperbolic_tangent, [](double x) { return std::tanh(x); });
  }

  void compare_sums() {
    for (int64_t n = 0; n < kLongest; ++n) {
      const std::vector<float> x = reals(n);
      double plain = 0;
      for (float value : x) plain += double{value};
      check("sum", n, loops_.sum(x.data(), n), plain, 1e-12);
    }
  }

  void compare_softmax() {
    for (int64_t size = 1; size < kLongest; ++size) {
      constexpr int64_t kRows = 4;
      const std::vector<float> x = reals(kRows * size);
      std::vector<float> y(x.size());
      loops_.softmax({x.data(), y.data(), kRows, size, 0.7f});
      for (int64_t row = 0; row < kRows; ++row) {
        double sum = 0;
        for (int64_t i = 0; i < size; ++i) sum += std::exp(0.7 * double{x[at(row * size + i)]});
        for (int64_t i = row * size; i < (row + 1) * size; ++i)
          check("softmax", size, double{y[at(i)]}, std::exp(0.7 * double{x[at(i)]}) / sum, 1e-6);
      }
    }
  }

  // Every simple operation in turn, rounded each time.
  void compare_formulas() {
    for (int64_t n = 1; n < kLongest; ++n) {
      std::vector<float> x = reals(n), y = reals(n), z(at(n)), stored(at(n));
      float number = 1.25f, bounds[] = {-0.75f, 2.5f};
      std::vector<FormulaStep> steps = {{FormulaCode::kLoad, x.data()},
                                        {FormulaCode::kMultiply, y.data()},
                                        {FormulaCode::kAdd, x.data()},
                                        {FormulaCode::kSubtract, y.data()},
                                        {FormulaCode::kSubtractFrom, x.data()},
                                        {FormulaCode::kDivideNumber, &number},
                                        {FormulaCode::kMultiplyNumber, &number},
                                        {FormulaCode::kAddNumber, &number},
                                        {FormulaCode::kSubtractNumber, &number},
                                        {FormulaCode::kStore, stored.data()},
                                        {FormulaCode::kSubtractFromNumber, &number},
                                        {FormulaCode::kDivide, y.data()},
                                        {FormulaCode::kClamp, bounds},
                                        {FormulaCode::kDivideIntoNumber, &number},
                                        {FormulaCode::kDivideInto, x.data()},
                                        {FormulaCode::kStore, z.data()}};
      loops_.formula(steps.data(), static_cast<int>(steps.size()), n);
      for (int64_t i = 0; i < n; ++i) {
        const volatile float a = x[at(i)], b = y[at(i)];
        volatile float v = a * b;
        v = v + a;
        v = v - b;
        v = a - v;
        v = v / number;
        v = v * number;
        v = v + number;
        v = v - number;
        check("formula's stored", n, double{stored[at(i)]}, double{v}, 0);
        v = number - v;
        v = v / b;
        v = std::fmin(std::fmax(v, bounds[0]), bounds[1]);
        v = number / v;
        v = a / v;
        check("formula", n, double{z[at(i)]}, double{v}, 0);
      }
    }
  }

  void compare_mixtures() {
    for (int64_t channels = 1; channels < 40; ++channels) {
      constexpr int64_t kPixels = 9;
      const std::vector<float> row = reals(4 * channels + 64);
      const MixRun runs[] = {{0, channels, 0, 4}, {channels, 3 * channels, 4, kPixels}};
      std::vector<MixShares> shares;
      for (int64_t p = 0; p < kPixels; ++p) shares.push_back({real(), real()});
      std::vector<float> out(at(kPixels * channels));
      loops_.mix_pixels({row.data(), runs, shares.data(), 2, channels, out.data(), channels});
      for (const MixRun& run : runs)
        for (int64_t p = run.begin; p < run.end; ++p)
          for (int64_t c = 0; c < channels; ++c) {
            const double a = double{row[at(run.a + c)]} * double{shares[at(p)].of_a},
                         b = double{row[at(run.b + c)]} * double{shares[at(p)].of_b};
            const double off = double{out[at(p * channels + c)]} - (a + b);
            check("mixture", channels, off / (std::fabs(a) + std::fabs(b)) + 1, 1, 1e-6);
          }
    }
  }

  void compare_steps() {
    for (int64_t n = 0; n < 2 * kLongest; ++n) {
      if (loops_.add_signed_steps) compare_step_sums<int8_t>(loops_.add_signed_steps, n, 0);
      if (loops_.add_unsigned_steps) compare_step_sums<uint8_t>(loops_.add_unsigned_steps, n, 128);
      uint8_t table[256];
      for (uint8_t& entry : table) entry = static_cast<uint8_t>(random_());
      std::vector<uint8_t> in(at(n)), out(at(n));
      for (uint8_t& index : in) index = static_cast<uint8_t>(random_());
      look_up_bytes(table, in.data(), out.data(), n);
      for (int64_t i = 0; i < n; ++i) check("table", n, out[at(i)], table[in[at(i)]], 0);
    }
  }

 private:
  static size_t at(int64_t i) { return static_cast<size_t>(i); }
  float real() { return std::normal_distribution<float>(0, 2)(random_); }
  std::vector<float> reals(int64_t n) {
    std::vector<float> made(at(n));
    for (float& value : made) value = real();
    return made;
  }

  template <class F>
  void compare_function(const char* name, VectorFunction function, F plain) {
    const float special[] = {0.0f,  -0.0f,  kInfinity, -kInfinity, NAN,
                             88.7f, -87.0f, 1e-30f,    200.0f};
    for (int64_t n = 0; n < kLongest; ++n) {
      std::vector<float> x = reals(n), y(at(n));
      for (float& value : x) value = random_() % 4 == 0 ? special[random_() % 9] : 20 * value;
      function(nullptr, x.data(), nullptr, y.data(), n);
      for (int64_t i = 0; i < n; ++i) {
        const double expected = plain(double{x[at(i)]});
        // What is below a normal number may be zero.
        const bool tiny = std::fabs(expected) < 2e-38 && std::fabs(y[at(i)]) < 3e-38f;
        const bool huge = expected > 3.4e38 && y[at(i)] > 3.4e38f;
        if (!tiny && !huge) check(name, n, double{y[at(i)]}, expected, 4e-7);
      }
    }
  }

  // As they are defined: two multiply-adds in float32, rounded to the nearest, saturated.
  template <class Q>
  void compare_step_sums(VectorFunction add, int64_t n, int32_t shift) {
    std::vector<Q> x(at(n)), y(at(n)), z(at(n));
    for (Q& step : x) step = static_cast<Q>(random_());
    for (Q& step : y) step = static_cast<Q>(random_());
    const ByteSum sum = {
        0.3f * real(), 0.4f * real(), 10 * real(), {7, {-120, 100}, static_cast<uint8_t>(shift)}};
    add(&sum, x.data(), y.data(), z.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      const float steps = std::fma(static_cast<float>(x[at(i)]), sum.a_scale,
                                   std::fma(static_cast<float>(y[at(i)]), sum.b_scale, sum.offset));
      const double expected = std::clamp(std::nearbyint(double{steps}) + 7, -120.0, 100.0) + shift;
      check("sum of steps", n, double{static_cast<float>(z[at(i)])}, expected, 0);
    }
  }

  void check(const char* name, int64_t n, double actual, double expected, double tolerance) {
    ++compared_;
    if (std::isnan(expected)
            ? std::isnan(actual)
            : actual == expected || std::fabs(actual - expected) <= tolerance * std::fabs(expected))
      return;
    if (++wrong_ <= 20)
      std::fprintf(stderr, "%s of %lld: %.9g, should be %.9g\n", name, static_cast<long long>(n),
                   actual, expected);
  }

  const TileLoops& loops_ = tile_loops();
  std::mt19937 random_{1};
  int64_t compared_ = 0;
  int wrong_ = 0;
};

int run() {
  Twins twins;
  twins.compare_functions();
  twins.compare_sums();
  twins.compare_softmax();
  twins.compare_formulas();
  twins.compare_mixtures();
  twins.compare_steps();
  const char* wish = std::getenv("NNAPI_HOST_ISA");
  if (wish && std::strcmp(wish, tile_loops().name) != 0) return 1;
  return twins.finish();
}

}  // namespace
}  // namespace nnapi::host

int main() { return nnapi::host::run(); }
