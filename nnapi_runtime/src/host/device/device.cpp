#include "host/device/device.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "host/base/error.h"
#include "host/model/feature_level.h"
#include "host/operation/extension_registry.h"

namespace nnapi::host {

std::string Device::why_not(const Model& model, const OperationNode& operation) const {
  const OpsetEntry& entry = *operation.entry;
  if (entry.operation == nullptr) return "it is implemented by nobody here";
  if (simulated && entry.code >> kExtensionShift > 0) return "it is of a vendor's extension";
  // This machine's CPU also has what Android has in its experimental level only.
  const int32_t level = feature_level_of(model, operation);
  if (simulated && level > feature_level) return format("it needs feature level %d", level);
  if (profile) {
    const auto found = profile->find(entry.code);
    if (found == profile->end()) return "it is not in the device's profile";
    for (const auto* operands : {&operation.inputs, &operation.outputs})
      for (uint32_t index : *operands) {
        const Operand& operand = model.operands()[index];
        if (!is_tensor_type(operand.type) || operand.lifetime == Lifetime::kOmitted) continue;
        if (!found->second.contains(operand.type))
          return "the device's profile has it without " + type_name(operand.type);
      }
  }
  // Control flow is the device's with all that is in it.
  for (uint32_t index : operation.inputs) {
    const Operand& operand = model.operands()[index];
    if (operand.lifetime != Lifetime::kModel) continue;
    for (const OperationNode& inner : operand.model->operations())
      if (const std::string why = why_not(*operand.model, inner); !why.empty())
        return format("%s in its model: %s", inner.entry->name, why.c_str());
  }
  return "";
}

int32_t Device::wrong_by(const OperationNode& operation) const {
  for (const Fault& fault : faults)
    if (fault.kind == Fault::Kind::kWrong && fault.operation == operation.entry->code)
      return fault.steps;
  return 0;
}

FaultOutcome Device::call(CallPhase phase, const Deadline& deadline) const {
  FaultOutcome outcome;
  if (faults.empty()) return outcome;
  const uint64_t before = calls_[static_cast<size_t>(phase)]++;
  const char* doing = phase == CallPhase::kPrepare ? "prepare a model" : "run";
  for (const Fault& fault : faults) {
    if (fault.kind == Fault::Kind::kWrong || fault.phase != phase || before < fault.after) continue;
    switch (fault.kind) {
      case Fault::Kind::kAbort:
        log_line(format("device %s was told to abort when it is to %s", name.c_str(), doing));
        std::abort();
      case Fault::Kind::kError:
        outcome.status = fault.code;
        outcome.text = format("device %s was told to fail when it is to %s", name.c_str(), doing);
        return outcome;
      default:
        break;
    }
    const Clock::time_point end = Clock::now() + fault.time;
    const bool cut = fault.honours_deadline && deadline && *deadline < end;
    std::this_thread::sleep_until(cut ? *deadline : end);
    if (cut) {
      outcome.status = ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT;
      outcome.text = format("device %s hung, as it was told to, until time was over", name.c_str());
      return outcome;
    }
    if (!fault.honours_deadline) outcome.ignores_deadline = true;
  }
  return outcome;
}

}  // namespace nnapi::host
