// What memories are made from: the inputs and outputs of compilations that they are to serve.
#pragma once

#include <memory>
#include <vector>

#include "host/device/device.h"
#include "host/memory/memory.h"

namespace nnapi::host {

// Collects the roles that a memory is to have.
class MemoryDescriptor {
 public:
  static constexpr uint32_t kMagic = 0x64736331;

  Status add_role(std::shared_ptr<const Compilation> compilation, Role role, uint32_t index,
                  float frequency);
  Status set_dimensions(const Dimensions& dimensions);
  Status finish();
  Status create_memory(std::shared_ptr<Memory>* memory) const;

 private:
  Status check_open(const char* function) const;

  bool finished_ = false;
  std::vector<MemoryRole> roles_;
  std::vector<std::shared_ptr<const Compilation>> compilations_;  // kept alive: roles name them
  std::vector<const Device*> devices_;  // that use the memory in its roles
  ElementKind kind_;
  Dimensions dimensions_;
};

}  // namespace nnapi::host
