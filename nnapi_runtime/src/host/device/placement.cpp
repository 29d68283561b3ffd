#include "host/device/placement.h"

#include <algorithm>
#include <map>
#include <utility>

#include "host/model/validation.h"

namespace nnapi::host {
namespace {

const Device* first_that_takes(const Model& model, const OperationNode& operation,
                               std::span<const Device* const> devices, std::string* why) {
  for (const Device* device : devices) {
    const std::string reason = device->why_not(model, operation);
    if (reason.empty()) return device;
    *why += (why->empty() ? "" : "; ") + device->name + ": " + reason;
  }
  return nullptr;
}

}  // namespace

Status Placement::make(const Model& model, std::span<const Device* const> devices,
                       Placement* placement) {
  // Of each operand, who writes it, and how many changes of the device come before that.
  std::vector<const Device*> writer(model.operands().size());
  std::vector<uint32_t> changes(model.operands().size());
  std::map<std::pair<uint32_t, uint32_t>, Part> parts;
  for (uint32_t number : model.run_order()) {
    const OperationNode& operation = model.operations()[number];
    std::string why;
    const Device* device = first_that_takes(model, operation, devices, &why);
    if (device == nullptr) return refuse(operation, number, "no device takes it (%s)", why.c_str());
    uint32_t level = 0;
    for (uint32_t input : operation.inputs)
      if (writer[input] != nullptr)
        level = std::max(level, changes[input] + (writer[input] != device ? 1 : 0));
    for (uint32_t output : operation.outputs) {
      writer[output] = device;
      changes[output] = level;
    }
    Part& part = parts[{level, device->index}];
    part.device = device;
    part.operations.push_back(number);
  }
  placement->parts_.clear();
  for (auto& [key, part] : parts) placement->parts_.push_back(std::move(part));
  return kOk;
}

Placement Placement::on(const Model& model, const Device& device) {
  Placement placement;
  placement.parts_.push_back({&device, model.run_order()});
  return placement;
}

bool Placement::has_simulated() const {
  return std::ranges::any_of(parts_, [](const Part& part) { return part.device->simulated; });
}

std::vector<int32_t> Placement::wrong_by(const Model& model) const {
  std::vector<int32_t> steps;
  for (const Part& part : parts_)
    for (uint32_t number : part.operations)
      if (const int32_t wrong = part.device->wrong_by(model.operations()[number]); wrong != 0) {
        steps.resize(model.operations().size());
        steps[number] = wrong;
      }
  return steps;
}

std::vector<const Device*> Placement::users(const Model& model, Role role, uint32_t index) const {
  const uint32_t operand = (role == Role::kInput ? model.inputs() : model.outputs())[index];
  std::vector<const Device*> found;
  for (const Part& part : parts_)
    for (uint32_t number : part.operations) {
      const OperationNode& operation = model.operations()[number];
      const auto& operands = role == Role::kInput ? operation.inputs : operation.outputs;
      if (std::ranges::find(operands, operand) != operands.end() &&
          std::ranges::find(found, part.device) == found.end())
        found.push_back(part.device);
    }
  return found;
}

}  // namespace nnapi::host
