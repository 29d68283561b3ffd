#include "host/program/fused_formula.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "host/arithmetic/activation.h"

namespace nnapi::host {
namespace {

constexpr uint32_t kNoOperand = UINT32_MAX;
// Shorter rows are not worth finding their operands for each.
constexpr int64_t kLeastRow = 64;

// An operation of a running value, and of an operand if it has one: in this order, or in the other.
struct Simple {
  int32_t operation;
  FormulaCode code, reversed;
  bool has_operand, has_activation;
  int32_t activation = ANEURALNETWORKS_FUSED_NONE;  // if it is nothing else
};

const Simple* find_simple(const OperationNode& operation) {
  using enum FormulaCode;
  static constexpr Simple kAll[] = {
      {ANEURALNETWORKS_ADD, kAdd, kAdd, true, true},
      {ANEURALNETWORKS_SUB, kSubtract, kSubtractFrom, true, true},
      {ANEURALNETWORKS_MUL, kMultiply, kMultiply, true, true},
      {ANEURALNETWORKS_DIV, kDivide, kDivideInto, true, true},
      {ANEURALNETWORKS_RELU, kClamp, kClamp, false, false, ANEURALNETWORKS_FUSED_RELU},
      {ANEURALNETWORKS_RELU1, kClamp, kClamp, false, false, ANEURALNETWORKS_FUSED_RELU1},
      {ANEURALNETWORKS_RELU6, kClamp, kClamp, false, false, ANEURALNETWORKS_FUSED_RELU6},
      {ANEURALNETWORKS_EXP, kExponential, kExponential, false, false},
      {ANEURALNETWORKS_LOGISTIC, kLogistic, kLogistic, false, false},
      {ANEURALNETWORKS_TANH, kHyperbolicTangent, kHyperbolicTangent, false, false},
  };
  const auto* found = std::ranges::find(kAll, operation.entry->operation->code, &Simple::operation);
  return found == std::end(kAll) ? nullptr : found;
}

FormulaCode with_number(FormulaCode code) {
  constexpr int kDistance =
      static_cast<int>(FormulaCode::kAddNumber) - static_cast<int>(FormulaCode::kAdd);
  return static_cast<FormulaCode>(static_cast<int>(code) + kDistance);
}

}  // namespace

// Writes instructions step by step.
class FusedFormula::Writer {
 public:
  Writer(FusedFormula& formula, const Model& model, const std::vector<Step>& steps,
         const ElementwiseGroup& group, const std::vector<int8_t>& slots)
      : formula_(formula), model_(model), steps_(steps), group_(group), slots_(slots) {}

  // Step i, if it can be part of the formula.
  bool add(uint32_t i) {
    const OperationNode& operation = *steps_[i].operation;
    const Simple* simple = find_simple(operation);
    const uint32_t output = operation.outputs[0];
    if (!simple || tensor(output).type != ANEURALNETWORKS_TENSOR_FLOAT32 ||
        formula_.instructions_.size() + kOfAStep > kMostInstructions)
      return false;
    uint32_t start = operation.inputs[0],
             other = simple->has_operand ? operation.inputs[1] : kNoOperand;
    const bool reversed = other != kNoOperand && start != value_ &&
                          (other == value_ || tensor(start).count() != tensor(output).count());
    if (reversed) std::swap(start, other);
    Extent extent = kWhole;
    if (tensor(start).count() != tensor(output).count() ||
        (other != kNoOperand && !find_extent(tensor(other).shape, tensor(output).shape, extent)))
      return false;
    if (value_ != kNoOperand && (start != value_ || other == value_ || is_kept(value_, i)))
      store_value();
    if (start != value_) put(FormulaCode::kLoad, start, kWhole);
    if (other != kNoOperand) {
      const FormulaCode code = reversed ? simple->reversed : simple->code;
      put(extent.by_element == 0 ? with_number(code) : code, other, extent);
    } else if (simple->code != FormulaCode::kClamp) {
      put(simple->code, output, kWhole);
    }
    const int32_t activation =
        simple->has_activation ? *tensor(operation.inputs[2]).as<int32_t>() : simple->activation;
    if (activation != ANEURALNETWORKS_FUSED_NONE) {
      const ClampRange<float> range = activation_range(activation);
      put(FormulaCode::kClamp, output, kWhole);
      formula_.instructions_.back().bounds[0] = range.low;
      formula_.instructions_.back().bounds[1] = range.high;
    }
    value_ = output;
    ++formula_.steps_;
    return true;
  }

  void store_value() { put(FormulaCode::kStore, value_, kWhole); }

 private:
  static constexpr size_t kOfAStep = 5;  // instructions, the last store included
  static constexpr Extent kWhole = {1, 0};

  const Tensor& tensor(uint32_t operand) const { return model_.shapes().tensors[operand]; }

  void put(FormulaCode code, uint32_t operand, Extent extent) {
    formula_.instructions_.push_back({code, {operand, slots_[operand]}, extent, {}});
  }

  // Is it read by others than step i?
  bool is_kept(uint32_t operand, uint32_t i) const {
    if (slots_[operand] == kNoSlot) return true;
    for (++i; i <= group_.last; ++i)
      if (std::ranges::count(steps_[i].operation->inputs, operand) != 0) return true;
    return false;
  }

  // An operand that is whole, one number, one row for all rows, or a number for each row. False if
  // it is repeated in another way, or along rows of another length.
  bool find_extent(const Shape& operand, const Shape& whole, Extent& extent) {
    const size_t count = operand.count();
    if (count == whole.count() || count == 1) {
      extent = count == whole.count() ? kWhole : Extent{0, 0};
      return true;
    }
    // Dimensions from the end on that the operand has, or has not; those before must be the other.
    const auto at = [&operand](uint32_t from_end) {
      return from_end < operand.rank() ? operand[operand.rank() - 1 - from_end] : 1;
    };
    int64_t elements = 1;
    uint32_t i = 0;
    const bool is_row = at(0) == whole[whole.rank() - 1];
    for (; i < whole.rank(); ++i) {
      const uint32_t size = whole[whole.rank() - 1 - i];
      if (at(i) != (is_row ? size : 1)) break;
      elements *= size;
    }
    for (; i < whole.rank(); ++i)
      if (at(i) != (is_row ? 1 : whole[whole.rank() - 1 - i])) return false;
    if (elements < kLeastRow || (formula_.row_elements_ && formula_.row_elements_ != elements))
      return false;
    formula_.row_elements_ = elements;
    extent = is_row ? Extent{1, -elements} : Extent{0, 1};
    return true;
  }

  FusedFormula& formula_;
  const Model& model_;
  const std::vector<Step>& steps_;
  const ElementwiseGroup& group_;
  const std::vector<int8_t>& slots_;
  uint32_t value_ = kNoOperand;  // the operand that the running value is
};

FusedFormula::FusedFormula(const Model& model, const std::vector<Step>& steps, uint32_t first,
                           const ElementwiseGroup& group, const std::vector<int8_t>& slots) {
  Writer writer(*this, model, steps, group, slots);
  for (uint32_t i = first; i <= group.last && writer.add(i); ++i) {
  }
  if (steps_ != 0) writer.store_value();
}

void FusedFormula::compute(int64_t begin, int64_t end, const BlockMemory& memory) const {
  std::array<FormulaStep, kMostInstructions> steps;
  const auto count = static_cast<int>(instructions_.size());
  int64_t row = row_elements_ ? begin / row_elements_ : 0;
  for (int64_t at = begin, next; at < end; at = next, ++row) {
    next = row_elements_ ? std::min(end, (row + 1) * row_elements_) : end;
    FormulaStep* step = steps.data();
    for (const Instruction& instruction : instructions_) {
      const auto [data, first] = memory[instruction.place];
      const auto [by_element, by_row] = instruction.extent;
      *step++ = {instruction.code,
                 instruction.code == FormulaCode::kClamp
                     ? const_cast<float*>(instruction.bounds)
                     : reinterpret_cast<float*>(data) + (at - first) * by_element + row * by_row};
    }
    tile_loops().formula(steps.data(), count, next - at);
  }
}

}  // namespace nnapi::host
