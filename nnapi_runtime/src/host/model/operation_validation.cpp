#include <algorithm>
#include <cstdarg>

#include "host/base/error.h"
#include "host/model/validation.h"

namespace nnapi::host {
namespace {

std::string wanted_type(const OperandRule& rule, const TypeCombination& combination) {
  if (rule.variable == '\0') return type_name(rule.type);
  for (const auto& [variable, type] : combination.types)
    if (variable == rule.variable) return type_name(type);
  return "any type";
}

bool type_fits(const OperandRule& rule, const TypeCombination& combination, int32_t type) {
  if (rule.variable == '*') return type != ANEURALNETWORKS_MODEL;
  if (rule.variable == '\0') return rule.type == type;
  for (const auto& assignment : combination.types)
    if (assignment.variable == rule.variable) return assignment.type == type;
  return false;
}

// The rule for each of `count` operands; empty when that number of operands does not fit.
std::vector<const OperandRule*> assign_rules(const OperandRule* first, size_t rules, size_t count) {
  std::vector<const OperandRule*> assigned;
  const OperandRule* last = first + rules;
  const OperandRule* star = std::find_if(first, last, [](auto& rule) { return rule.repeated; });
  if (star != last) {
    const size_t others = rules - 1;
    // IF and WHILE may have no inputs beside their models; a CONCATENATION of nothing is an error.
    const size_t least = star->variable == '*' ? 0 : 1;
    if (count < others + least) return {};
    assigned.reserve(count);
    for (const OperandRule* rule = first; rule != last; ++rule)
      assigned.insert(assigned.end(), rule->repeated ? count - others : 1, rule);
    return assigned;
  }
  if (count > rules) return {};
  if (count < rules && !first[count].may_end) return {};
  for (size_t i = 0; i < count; ++i) assigned.push_back(first + i);
  return assigned;
}

// How well operands fit a form with one type combination: all of them, or up to which one.
struct Fit {
  const Form* form = nullptr;
  const TypeCombination* combination = nullptr;
  std::vector<const OperandRule*> inputs, outputs;
  size_t fitting = 0;  // so many inputs, then outputs, fit
  bool complete() const { return form && fitting == inputs.size() + outputs.size(); }
};

// The complete fit, or the one that goes furthest; no form at all when none takes so many operands.
Fit best_fit(const std::vector<Operand>& operands, const OperationNode& node) {
  Fit best;
  const OpsetEntry& entry = *node.entry;
  for (const Form& form : entry.forms) {
    Fit fit;
    fit.form = &form;
    fit.inputs = assign_rules(form.rules, form.count, node.inputs.size());
    fit.outputs = assign_rules(entry.outputs.data(), entry.outputs.size(), node.outputs.size());
    if (fit.inputs.size() != node.inputs.size() || fit.outputs.size() != node.outputs.size() ||
        node.inputs.empty() || node.outputs.empty())
      continue;
    for (const TypeCombination& combination : entry.combinations) {
      fit.combination = &combination;
      fit.fitting = 0;
      auto fits = [&](const OperandRule* rule, uint32_t index) {
        return type_fits(*rule, combination, operands[index].type);
      };
      while (fit.fitting < fit.inputs.size() &&
             fits(fit.inputs[fit.fitting], node.inputs[fit.fitting]))
        ++fit.fitting;
      if (fit.fitting == fit.inputs.size())
        for (size_t i = 0; i < fit.outputs.size() && fits(fit.outputs[i], node.outputs[i]); ++i)
          ++fit.fitting;
      if (best.form == nullptr || fit.fitting > best.fitting) best = fit;
      if (best.complete()) return best;
    }
  }
  return best;
}

// The first operand of the operation's own tensor type; its rank is what the opset limits.
const OperandRule* ranked_rule(const Form& form) {
  for (const OperandRule& rule : form)
    if (rule.variable == 'T') return &rule;
  return form.rules;
}

}  // namespace

Status refuse(const OperationNode& node, uint32_t number, const char* text, ...) {
  va_list arguments;
  va_start(arguments, text);
  Failure failure{vformat(text, arguments), static_cast<int32_t>(number)};
  va_end(arguments);
  failure.text = format("operation %u (%s): ", number, node.entry->name) + failure.text;
  return fail(ANEURALNETWORKS_BAD_DATA, std::move(failure));
}

Status check_operation(const std::vector<Operand>& operands, OperationNode* checked,
                       uint32_t number) {
  const OperationNode& node = *checked;
  for (const auto* list : {&node.inputs, &node.outputs})
    for (uint32_t index : *list)
      if (index >= operands.size())
        return refuse(node, number, "operand %u does not exist, the model has %zu", index,
                      operands.size());

  if (node.entry->forms.empty()) return kOk;  // anything may be said to a vendor's operation
  const Fit fit = best_fit(operands, node);
  if (fit.form == nullptr)
    return refuse(node, number, "does not take %zu inputs and give %zu outputs", node.inputs.size(),
                  node.outputs.size());
  if (!fit.complete()) {
    const bool is_input = fit.fitting < fit.inputs.size();
    const size_t position = is_input ? fit.fitting : fit.fitting - fit.inputs.size();
    const OperandRule& rule = is_input ? *fit.inputs[position] : *fit.outputs[position];
    const uint32_t index = is_input ? node.inputs[position] : node.outputs[position];
    return refuse(node, number, "%s %zu (%s, operand %u) is of type %s, must be %s here",
                  is_input ? "input" : "output", position, rule.name, index,
                  type_name(operands[index].type).c_str(),
                  wanted_type(rule, *fit.combination).c_str());
  }
  checked->rules = fit.inputs;
  checked->ranked = ranked_rule(*fit.form);
  checked->level = std::max(node.entry->level, fit.combination->level);
  for (const OperandRule* rule : fit.outputs)
    checked->level = std::max(checked->level, rule->level);
  return kOk;
}

Status check_ranks(const std::vector<Operand>& operands, const OperationNode& node,
                   uint32_t number) {
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const size_t rank = operands[node.inputs[i]].dimensions.size();
    if (rank == 0) continue;  // not known yet
    const std::string fault = rank_fault(node, i, rank);
    if (!fault.empty()) return refuse(node, number, "%s", fault.c_str());
  }
  return kOk;
}

std::string rank_fault(const OperationNode& node, size_t i, size_t rank) {
  if (node.rules.empty()) return "";
  const uint32_t least = node.entry->min_rank;
  // RESHAPE moves no data, so it takes any rank here, as stock PyTorch's converter emits it.
  const uint32_t most =
      node.entry->code == ANEURALNETWORKS_RESHAPE ? kMaxRank : node.entry->max_rank;
  if (node.rules[i] != node.ranked || (rank >= least && rank <= most)) return "";
  return format("input %zu (%s, operand %u) has rank %zu, must be at %s %u", i, node.rules[i]->name,
                node.inputs[i], rank, rank < least ? "least" : "most", rank < least ? least : most);
}

std::string omission_fault(const OperationNode& node, size_t i) {
  // The values that IF and WHILE hand on may be omitted; their models' operations are checked.
  if (node.rules.empty() || node.rules[i]->nullable || node.rules[i]->variable == '*') return "";
  return format("input %zu (%s, operand %u) is omitted, but not optional", i, node.rules[i]->name,
                node.inputs[i]);
}

}  // namespace nnapi::host
