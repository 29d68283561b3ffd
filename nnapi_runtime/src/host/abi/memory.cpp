// ANeuralNetworksMemory_… and ANeuralNetworksMemoryDesc_…
#include "host/execution/memory_descriptor.h"

#include "host/abi/handles.h"
#include "host/execution/compilation.h"

using namespace nnapi::host;

namespace {

Status add_role(const char* function, ANeuralNetworksMemoryDesc* desc,
                const ANeuralNetworksCompilation* compilation, Role role, uint32_t index,
                float frequency) {
  return with_shared<Compilation>(function, compilation, [&](std::shared_ptr<Compilation> c) {
    return with<MemoryDescriptor>(function, desc, [&](MemoryDescriptor& d) {
      return d.add_role(std::move(c), role, index, frequency);
    });
  });
}

}  // namespace

int ANeuralNetworksMemory_createFromFd(size_t size, int protect, int fd, size_t offset,
                                       ANeuralNetworksMemory** memory) {
  constexpr const char* kFunction = "Memory_createFromFd";
  if (memory == nullptr) return null_argument(kFunction);
  *memory = nullptr;
  return guarded(kFunction, [&]() -> Status {
    std::shared_ptr<Memory> mapped;
    if (Status status = Memory::map(size, protect, fd, offset, &mapped)) return status;
    give(std::move(mapped), memory);
    return kOk;
  });
}

// Hardware buffers are Android's own: there is none on this system that could be meant.
int ANeuralNetworksMemory_createFromAHardwareBuffer(const AHardwareBuffer* ahwb,
                                                    ANeuralNetworksMemory** memory) {
  constexpr const char* kFunction = "Memory_createFromAHardwareBuffer";
  if (memory != nullptr) *memory = nullptr;
  if (ahwb == nullptr || memory == nullptr) return null_argument(kFunction);
  return fail(ANEURALNETWORKS_UNMAPPABLE, "%s: this platform has no hardware buffers", kFunction);
}

int ANeuralNetworksMemory_createFromDesc(const ANeuralNetworksMemoryDesc* desc,
                                         ANeuralNetworksMemory** memory) {
  constexpr const char* kFunction = "Memory_createFromDesc";
  if (memory == nullptr) return null_argument(kFunction);
  *memory = nullptr;
  return with<MemoryDescriptor>(kFunction, desc, [&](MemoryDescriptor& d) -> Status {
    std::shared_ptr<Memory> made;
    if (Status status = d.create_memory(&made)) return status;
    give(std::move(made), memory);
    return kOk;
  });
}

int ANeuralNetworksMemory_copy(const ANeuralNetworksMemory* src, const ANeuralNetworksMemory* dst) {
  return with<Memory>("Memory_copy", src, [&](Memory& from) {
    return with<Memory>("Memory_copy", dst, [&](Memory& to) { return Memory::copy(from, to); });
  });
}

void ANeuralNetworksMemory_free(ANeuralNetworksMemory* memory) {
  release<Memory>("Memory_free", memory);
}

int ANeuralNetworksMemoryDesc_create(ANeuralNetworksMemoryDesc** desc) {
  if (desc == nullptr) return null_argument("MemoryDesc_create");
  *desc = nullptr;
  return guarded("MemoryDesc_create", [&] {
    give(std::make_shared<MemoryDescriptor>(), desc);
    return kOk;
  });
}

int ANeuralNetworksMemoryDesc_addInputRole(ANeuralNetworksMemoryDesc* desc,
                                           const ANeuralNetworksCompilation* compilation,
                                           uint32_t index, float frequency) {
  return add_role("MemoryDesc_addInputRole", desc, compilation, Role::kInput, index, frequency);
}

int ANeuralNetworksMemoryDesc_addOutputRole(ANeuralNetworksMemoryDesc* desc,
                                            const ANeuralNetworksCompilation* compilation,
                                            uint32_t index, float frequency) {
  return add_role("MemoryDesc_addOutputRole", desc, compilation, Role::kOutput, index, frequency);
}

int ANeuralNetworksMemoryDesc_setDimensions(ANeuralNetworksMemoryDesc* desc, uint32_t rank,
                                            const uint32_t* dimensions) {
  if (dimensions == nullptr && rank != 0) return null_argument("MemoryDesc_setDimensions");
  return with<MemoryDescriptor>("MemoryDesc_setDimensions", desc, [&](MemoryDescriptor& d) {
    return d.set_dimensions(Dimensions(dimensions, dimensions + rank));
  });
}

int ANeuralNetworksMemoryDesc_finish(ANeuralNetworksMemoryDesc* desc) {
  return with<MemoryDescriptor>("MemoryDesc_finish", desc,
                                [](MemoryDescriptor& d) { return d.finish(); });
}

void ANeuralNetworksMemoryDesc_free(ANeuralNetworksMemoryDesc* desc) {
  release<MemoryDescriptor>("MemoryDesc_free", desc);
}
