#include "host/execution/memory_descriptor.h"

#include <algorithm>

#include "host/base/error.h"
#include "host/execution/compilation.h"

namespace nnapi::host {

Status MemoryDescriptor::check_open(const char* function) const {
  if (!finished_) return kOk;
  return fail(ANEURALNETWORKS_BAD_STATE, "MemoryDesc_%s: the descriptor is finished", function);
}

Status MemoryDescriptor::add_role(std::shared_ptr<const Compilation> compilation, Role role,
                                  uint32_t index, float frequency) {
  const char* function = role == Role::kInput ? "addInputRole" : "addOutputRole";
  if (Status status = check_open(function)) return status;
  auto refuse = [&](const std::string& why) {
    return fail(ANEURALNETWORKS_BAD_DATA, "MemoryDesc_%s: %s", function, why.c_str());
  };
  if (!compilation->is_ready()) return refuse("the compilation is not finished");
  const Model& model = compilation->model();
  const auto& list = role == Role::kInput ? model.inputs() : model.outputs();
  if (index >= list.size())
    return refuse("index " + std::to_string(index) + ", there are " + std::to_string(list.size()));
  const MemoryRole added{compilation.get(), role, index};
  if (std::find(roles_.begin(), roles_.end(), added) != roles_.end())
    return refuse("the same role was added before");
  if (!(frequency > 0.0f && frequency <= 1.0f))
    return refuse("the frequency must be above 0 and at most 1");
  const Operand& operand = model.operands()[list[index]];
  ElementKind kind{operand.type, operand.scale, operand.zero_point, operand.channel_dim,
                   operand.channel_scales};
  if (!roles_.empty() && kind != kind_)
    return refuse("the type differs from that of the roles before");
  if (!is_tensor_type(operand.type) && !dimensions_.empty())
    return refuse("a scalar can't have the dimensions " + to_string(dimensions_));
  Dimensions both;
  if (!combine(dimensions_, operand.dimensions, &both))
    return refuse("the operand is " + to_string(operand.dimensions) + ", the memory is " +
                  to_string(dimensions_));
  roles_.reserve(roles_.size() + 1);
  compilations_.reserve(compilations_.size() + 1);
  for (const Device* device : compilation->placement().users(model, role, index))
    if (std::ranges::find(devices_, device) == devices_.end()) devices_.push_back(device);
  dimensions_ = std::move(both);
  kind_ = std::move(kind);
  roles_.push_back(added);
  compilations_.push_back(std::move(compilation));
  return kOk;
}

Status MemoryDescriptor::set_dimensions(const Dimensions& dimensions) {
  if (Status status = check_open("setDimensions")) return status;
  Dimensions both;
  const bool scalar = !roles_.empty() && !is_tensor_type(kind_.type);
  if ((scalar && !dimensions.empty()) || !combine(dimensions_, dimensions, &both))
    return fail(ANEURALNETWORKS_BAD_DATA, "MemoryDesc_setDimensions: %s contradicts %s",
                to_string(dimensions).c_str(), to_string(dimensions_).c_str());
  dimensions_ = std::move(both);
  return kOk;
}

Status MemoryDescriptor::finish() {
  if (Status status = check_open("finish")) return status;
  if (roles_.empty()) return fail(ANEURALNETWORKS_BAD_DATA, "MemoryDesc_finish: it has no role");
  finished_ = true;
  return kOk;
}

Status MemoryDescriptor::create_memory(std::shared_ptr<Memory>* memory) const {
  if (!finished_)
    return fail(ANEURALNETWORKS_BAD_STATE, "Memory_createFromDesc: the descriptor is not finished");
  uint32_t bytes;
  if (!byte_size(kind_.type, dimensions_, &bytes))
    return fail(ANEURALNETWORKS_BAD_DATA, "Memory_createFromDesc: %s is larger than 4 GiB",
                to_string(dimensions_).c_str());
  // A device's own memory may wait for its size; memory that several devices share has one.
  const bool of_one_device = devices_.size() <= 1 && (devices_.empty() || devices_[0]->allocates);
  if (!of_one_device && !is_fully_known(kind_.type, dimensions_))
    return fail(ANEURALNETWORKS_OP_FAILED,
                "Memory_createFromDesc: %s is not fully known, and no device has it to itself",
                to_string(dimensions_).c_str());
  *memory = std::make_shared<Memory>(roles_, kind_, dimensions_);
  return kOk;
}

}  // namespace nnapi::host
