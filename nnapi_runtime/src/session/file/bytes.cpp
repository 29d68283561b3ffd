#include "session/file/bytes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "loader/error.h"
#include "session/tensor/value.h"

namespace nnapi::session {

using loader::ModelError;

namespace {

// Of model words. Assets of an Android package lie so.
constexpr size_t kAlignment = 4;

ModelError unreadable(const std::string& name, int error) {
  return ModelError(name + " cannot be read: " + std::strerror(error));
}

// Below, a copy costs no more than a map, and nobody who cuts the file off meanwhile ends the
// process.
constexpr size_t kMappedFrom = size_t{1} << 20;

std::shared_ptr<const Bytes> read(int descriptor, int64_t offset, size_t bytes,
                                  const std::string& name) {
  const std::shared_ptr<std::byte> copy = new_memory(bytes, ("a copy of " + name).c_str());
  for (size_t done = 0; done < bytes;) {
    const ssize_t now = pread(descriptor, copy.get() + done, bytes - done,
                              static_cast<off_t>(offset + static_cast<int64_t>(done)));
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) throw unreadable(name, errno);
    if (now == 0) throw ModelError(name + " was cut off while it was read");
    done += static_cast<size_t>(now);
  }
  return Bytes::view({copy.get(), bytes}, [copy] {});
}

}  // namespace

std::shared_ptr<const Bytes> Bytes::map(const std::string& path) {
  return loader::with_memory_for(path, [&] { return map_file(path); });
}

std::shared_ptr<const Bytes> Bytes::map_file(const std::string& path) {
  // A pipe without a writer is opened, too, and refused, instead of waited for.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) throw unreadable(path, errno);
  const std::shared_ptr<const int> closed(&descriptor, [](const int* one) { close(*one); });
  return map(descriptor, 0, -1, path);
}

std::shared_ptr<const Bytes> Bytes::map(int descriptor, int64_t offset, int64_t length,
                                        const std::string& name) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) throw unreadable(name, errno);
  if (S_ISDIR(status.st_mode)) throw unreadable(name, EISDIR);
  if (!S_ISREG(status.st_mode)) throw ModelError(name + " cannot be read: it is no regular file");
  const int64_t size = status.st_size;
  if (offset < 0 || offset > size || (length >= 0 && length > size - offset)) {
    throw ModelError(name + " cannot be mapped: it has " + std::to_string(size) + " bytes, not " +
                     std::to_string(length) + " from byte " + std::to_string(offset));
  }
  const auto wanted = static_cast<size_t>(length < 0 ? size - offset : length);
  if (wanted == 0) throw ModelError(name + " cannot be mapped: it is empty");
  if (wanted < kMappedFrom) return read(descriptor, offset, wanted, name);
  const auto page = static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  const int64_t start = offset / page * page;
  const auto before = static_cast<size_t>(offset - start);
  // A private map that may be written to: torch shares no other memory, though nothing writes.
  void* mapped = mmap(nullptr, wanted + before, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor,
                      static_cast<off_t>(start));
  if (mapped == MAP_FAILED) throw ModelError(name + " cannot be mapped: " + std::strerror(errno));
  const std::span<const std::byte> all(static_cast<const std::byte*>(mapped) + before, wanted);
  const auto unmap = [mapped, mapped_size = wanted + before] { munmap(mapped, mapped_size); };
  // The tensors of a file are aligned from its beginning; inside of another file that may not be
  // so.
  if (before % kAlignment != 0) return view(all, unmap);
  return std::shared_ptr<const Bytes>(new Bytes(all, unmap));
}

std::shared_ptr<const Bytes> Bytes::view(std::span<const std::byte> memory,
                                         std::function<void()> release) {
  if (!release) release = [] {};
  if (reinterpret_cast<uintptr_t>(memory.data()) % kAlignment == 0) {
    return std::shared_ptr<const Bytes>(new Bytes(memory, std::move(release)));
  }
  return Bytes(memory, std::move(release)).aligned();
}

std::shared_ptr<const Bytes> Bytes::aligned() const {
  const std::shared_ptr<std::byte> copy = new_memory(all_.size(), "a copy of the file");
  std::memcpy(copy.get(), all_.data(), all_.size());
  return std::shared_ptr<const Bytes>(new Bytes({copy.get(), all_.size()}, [copy] {}));
}

}  // namespace nnapi::session
