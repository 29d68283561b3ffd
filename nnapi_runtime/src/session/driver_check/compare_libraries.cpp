#include "session/driver_check/compare_libraries.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "loader/error.h"
#include "loader/extract_operations.h"
#include "session/tensor/float16.h"
#include "session/tensor/value.h"

namespace nnapi::session {

using loader::Border;
using loader::ConstArray;
using loader::ElementKind;
using loader::Error;
using loader::Executor;
using loader::Model;

namespace {

// Of the largest magnitude of a real result.
constexpr double kRealShare = 2e-3, kRelaxedShare = 2e-2;
constexpr double kSteps = 1;

struct Tensor {
  std::vector<std::byte> bytes;
  ConstArray array;  // of these bytes
};

bool is_half(const Border& border) {
  return border.element.kind == ElementKind::kFloat && border.element.size == 2;
}

// The same for every run of the check: a fault that it finds can be found again.
class Numbers {
 public:
  // Of 64 random bits (splitmix64).
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  // Of [-1, 1].
  float real() { return static_cast<float>(next() >> 40) * 0x1p-23f - 1.0f; }

 private:
  uint64_t state_ = 0;
};

bool fill(const Border& border, Numbers& numbers, Tensor& tensor) {
  if (!border.known()) return false;
  tensor.bytes.assign(border.bytes(), std::byte{0});
  const size_t size = border.element.size, count = tensor.bytes.size() / size;
  for (size_t i = 0; i < count; ++i) {
    std::byte* at = tensor.bytes.data() + i * size;
    if (border.element.kind == ElementKind::kFloat) {
      const float number = numbers.real();
      if (is_half(border)) {
        const Float16 half = Float16::of(number);
        std::memcpy(at, &half, sizeof half);
      } else {
        std::memcpy(at, &number, sizeof number);
      }
    } else if (border.element.kind == ElementKind::kBool) {
      *at = std::byte(numbers.next() & 1);
    } else if (border.scale != 0) {
      const uint64_t bits = numbers.next();
      std::memcpy(at, &bits, size);
    }
  }
  tensor.array = {tensor.bytes.data(), border.element, border.dims};
  return true;
}

std::vector<Tensor> run(Executor& executor, std::span<const ConstArray> inputs) {
  std::vector<Tensor> made(executor.outputs().size());
  const auto dims = executor.run(inputs, [&](size_t i, size_t bytes) {
    made[i].bytes.resize(std::max<size_t>(bytes, 1));
    return made[i].bytes.data();
  });
  for (size_t i = 0; i < made.size(); ++i) {
    const loader::Element element = executor.outputs()[i].element;
    size_t count = 1;
    for (const uint32_t dim : dims[i]) count *= dim;
    made[i].bytes.resize(count * element.size);
    made[i].array = {made[i].bytes.data(), element, dims[i]};
  }
  return made;
}

double number_at(const Border& border, const std::byte* at) {
  const auto read = [at](auto number) {
    std::memcpy(&number, at, sizeof number);
    return number;
  };
  if (border.element.kind == ElementKind::kFloat) {
    return is_half(border) ? read(Float16{}).to_float() : read(float{});
  }
  const bool is_signed = border.element.kind == ElementKind::kInt;
  switch (border.element.size) {
    case 1:
      return is_signed ? read(int8_t{}) : read(uint8_t{});
    case 2:
      return is_signed ? read(int16_t{}) : read(uint16_t{});
    default:
      return is_signed ? read(int32_t{}) : static_cast<double>(read(uint32_t{}));
  }
}

// How `given` departs from `wanted` by more than `share`, or than a step; empty: it does not.
std::string difference(const Border& border, const Tensor& given, const Tensor& wanted,
                       double share) {
  if (given.array.dims != wanted.array.dims) return "its result has another shape";
  const size_t size = border.element.size;
  const bool is_real = border.element.kind == ElementKind::kFloat;
  double largest = 0, most = 0;
  for (size_t at = 0; at < wanted.bytes.size(); at += size) {
    const double expected = number_at(border, wanted.bytes.data() + at);
    const double number = number_at(border, given.bytes.data() + at);
    // What our own library cannot say either tells nothing of the other.
    if (!std::isfinite(expected)) continue;
    if (!std::isfinite(number)) return "it gives a number that is not finite";
    largest = std::max(largest, std::abs(expected));
    most = std::max(most, std::abs(number - expected));
  }
  const double allowed = is_real ? share * largest : border.scale != 0 ? kSteps : 0;
  if (most <= allowed) return "";
  char text[80];
  if (is_real) {
    std::snprintf(text, sizeof text, "it is off by %.3g, %.2g %% of the largest result", most,
                  largest == 0 ? 100.0 : 100 * most / largest);
  } else {
    std::snprintf(text, sizeof text, "it is off by %.0f%s", most,
                  border.scale != 0 ? " steps" : "");
  }
  return text;
}

double share_of(const loader::Options& options, const Border& border) {
  return options.relaxed || is_half(border) ? kRelaxedShare : kRealShare;
}

Verdict refused(const Error& error) {
  return {Verdict::Kind::kRefused, error.operation, error.text};
}
Verdict failed(const Error& error, std::optional<uint32_t> operation) {
  return {Verdict::Kind::kFailed, operation, "it fails when it runs: " + error.text};
}

}  // namespace

Verdict compare_libraries(std::span<const Model> models, const ComparedLibraries& libraries) {
  std::optional<Executor> target, host;
  try {
    host.emplace(libraries.host, models, libraries.host_options);
  } catch (const Error& error) {
    return {Verdict::Kind::kUnchecked, {}, "our own library does not take it: " + error.text};
  }
  try {
    target.emplace(libraries.target, models, libraries.target_options);
  } catch (const Error& error) {
    return refused(error);
  }
  Numbers numbers;
  std::vector<Tensor> inputs(host->inputs().size());
  std::vector<ConstArray> given;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!fill(host->inputs()[i], numbers, inputs[i])) {
      return {Verdict::Kind::kUnchecked, {}, "its sizes are known when it runs"};
    }
    given.push_back(inputs[i].array);
  }
  std::vector<Tensor> wanted, results;
  try {
    wanted = run(*host, given);
  } catch (const Error& error) {
    return {Verdict::Kind::kUnchecked, {}, "no inputs were found for it: " + error.text};
  }
  try {
    results = run(*target, given);
  } catch (const Error& error) {
    return failed(error, {});
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    const Border& border = host->outputs()[i];
    if (!difference(border, results[i], wanted[i], share_of(libraries.target_options, border))
             .empty()) {
      return compare_operations(models, libraries);
    }
  }
  return {};
}

Verdict compare_operations(std::span<const Model> models, const ComparedLibraries& libraries,
                           const std::function<void(uint32_t)>& begun) {
  const Model& whole = models.front();
  std::vector<Tensor> values(whole.operands.size());
  Numbers numbers;
  for (const uint32_t operand : whole.inputs) {
    if (!fill(border_of(whole, operand), numbers, values[operand])) {
      return {Verdict::Kind::kUnchecked, {}, "its sizes are known when it runs"};
    }
  }
  for (const uint32_t index : loader::run_order(whole)) {
    const loader::ModelPart alone(models, {index});
    std::vector<ConstArray> given;
    for (const uint32_t operand : alone.inputs()) given.push_back(values[operand].array);
    std::vector<Tensor> wanted;
    try {
      Executor host(libraries.host, alone.models(), libraries.host_options);
      wanted = run(host, given);
    } catch (const Error& error) {
      return {Verdict::Kind::kUnchecked, index, "no inputs were found for it: " + error.text};
    }
    if (begun) begun(index);
    std::optional<Executor> target;
    try {
      target.emplace(libraries.target, alone.models(), libraries.target_options);
    } catch (const Error&) {
      // It takes the operation among others only, or not at all.
    }
    if (target) {
      std::vector<Tensor> results;
      try {
        results = run(*target, given);
      } catch (const Error& error) {
        return failed(error, index);
      }
      for (size_t i = 0; i < wanted.size(); ++i) {
        const Border& border = target->outputs()[i];
        const std::string off =
            difference(border, results[i], wanted[i], share_of(libraries.target_options, border));
        if (!off.empty()) return {Verdict::Kind::kWrong, index, off};
      }
    }
    for (size_t i = 0; i < wanted.size(); ++i) values[alone.outputs()[i]] = std::move(wanted[i]);
    for (const uint32_t operand : alone.outputs()) {
      values[operand].array.data = values[operand].bytes.data();
    }
  }
  return {};
}

}  // namespace nnapi::session
