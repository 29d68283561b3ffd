#include "host/memory/memory.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "host/base/error.h"

namespace nnapi::host {

Status Memory::map(size_t size, int protection, int fd, size_t offset,
                   std::shared_ptr<Memory>* memory) {
  constexpr const char* kFunction = "Memory_createFromFd";
  if (size == 0 || fd < 0)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: size is %zu, fd is %d", kFunction, size, fd);
  if ((protection & ~(PROT_READ | PROT_WRITE)) != 0)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: protection %d is not made of PROT_READ, PROT_WRITE",
                kFunction, protection);
  // mmap wants a whole page to begin with; NNAPI takes any offset.
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t lead = offset % page;
  if (size > SIZE_MAX - lead || offset > static_cast<size_t>(INT64_MAX) - size)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: %zu bytes at %zu are out of range", kFunction, size,
                offset);
  struct stat file;
  const bool has_size = fstat(fd, &file) == 0 && S_ISREG(file.st_mode);
  if (has_size && static_cast<uint64_t>(file.st_size) < offset + size)
    return fail(ANEURALNETWORKS_UNMAPPABLE, "%s: the file has %lld bytes, %zu at %zu are asked for",
                kFunction, static_cast<long long>(file.st_size), size, offset);
  void* mapping =
      mmap(nullptr, size + lead, protection, MAP_SHARED, fd, static_cast<off_t>(offset - lead));
  if (mapping == MAP_FAILED)
    return fail(ANEURALNETWORKS_UNMAPPABLE, "%s: mmap: %s", kFunction, std::strerror(errno));
  std::shared_ptr<Memory> made(new Memory);
  made->mapping_ = mapping;
  made->mapped_ = size + lead;
  made->data_ = static_cast<uint8_t*>(mapping) + lead;
  made->size_ = size;
  made->readable_ = protection & PROT_READ;
  made->writable_ = protection & PROT_WRITE;
  *memory = std::move(made);
  return kOk;
}

Memory::Memory(std::vector<MemoryRole> roles, ElementKind kind, Dimensions dimensions)
    : roles_(std::move(roles)),
      kind_(std::move(kind)),
      declared_(std::move(dimensions)),
      initialized_(false) {
  settle(declared_);
}

Memory::~Memory() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_);
}

bool Memory::settle(const Dimensions& dimensions) {
  Dimensions both;
  uint32_t bytes;
  if (!combine(declared_, dimensions, &both) || !byte_size(kind_.type, both, &bytes)) return false;
  dimensions_ = std::move(both);
  size_ = bytes;
  data_ = buffer_.reserve(bytes);
  return true;
}

Status Memory::check_constant_range(size_t offset, size_t length) const {
  if (has_roles())
    return fail(ANEURALNETWORKS_BAD_DATA,
                "a memory made from a descriptor can't hold a model's constants");
  if (!readable_) return fail(ANEURALNETWORKS_BAD_DATA, "the memory was mapped without PROT_READ");
  if (offset > size_ || length > size_ - offset)
    return fail(ANEURALNETWORKS_BAD_DATA, "%zu bytes at %zu are asked for, the memory has %zu",
                length, offset, size_);
  return kOk;
}

Status Memory::check_argument(const MemoryRole& role, const Dimensions* dimensions, size_t offset,
                              size_t length) const {
  if (!has_roles()) {
    if (offset == 0 && length == 0)
      return fail(ANEURALNETWORKS_BAD_DATA, "the length must be given for this kind of memory");
    if (role.role == Role::kOutput && !writable_)
      return fail(ANEURALNETWORKS_BAD_DATA, "the memory was mapped without PROT_WRITE");
    return check_constant_range(offset, length);
  }
  if (std::find(roles_.begin(), roles_.end(), role) == roles_.end())
    return fail(ANEURALNETWORKS_BAD_DATA, "%s %u is not a role that the memory was made for",
                role.role == Role::kInput ? "input" : "output", role.index);
  if (offset != 0 || length != 0)
    return fail(ANEURALNETWORKS_BAD_DATA,
                "offset and length must be 0 for a memory made from a descriptor");
  Dimensions both;
  if (dimensions != nullptr && !combine(*dimensions, declared_, &both))
    return fail(ANEURALNETWORKS_BAD_DATA, "dimensions %s, the memory was made for %s",
                to_string(*dimensions).c_str(), to_string(declared_).c_str());
  return kOk;
}

Status Memory::copy(Memory& from, Memory& to) {
  constexpr const char* kFunction = "Memory_copy";
  if (&from == &to) return kOk;
  auto refuse = [&](const std::string& why) {
    to.initialized_ = !to.has_roles();
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: %s", kFunction, why.c_str());
  };
  if (!from.initialized_) return refuse("nothing was written to the source yet");
  if (!from.readable_) return refuse("the source was mapped without PROT_READ");
  if (!to.writable_) return refuse("the destination was mapped without PROT_WRITE");
  if (to.has_roles()) {
    if (from.has_roles() && from.kind_ != to.kind_)
      return refuse("the memories are for operands of different types");
    if (!to.settle(from.has_roles() ? from.dimensions_ : Dimensions{}))
      return refuse("the source is " + to_string(from.dimensions_) +
                    ", the destination was made for " + to_string(to.declared_));
  }
  if (from.size_ != to.size_)
    return refuse("the source has " + std::to_string(from.size_) + " bytes, the destination " +
                  std::to_string(to.size_));
  std::memmove(to.data_, from.data_, from.size_);
  to.initialized_ = true;
  return kOk;
}

}  // namespace nnapi::host
