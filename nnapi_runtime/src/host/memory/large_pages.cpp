#include "host/memory/large_pages.h"

#include <sys/mman.h>

#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

namespace nnapi::host {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kLargePage = size_t{2} << 20;
constexpr size_t kRegionBytes = 8 * kLargePage;  // of addresses: memory comes as it is written

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }
char* round_up(char* address, size_t unit) {
  return address + (0 - reinterpret_cast<uintptr_t>(address)) % unit;
}

// Pieces are taken one after the other. Not for threads at once.
class Region {
 public:
  explicit Region(size_t bytes) : bytes_(bytes), mapped_bytes_(bytes + kLargePage) {
    void* mapped = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    mapped_ = static_cast<char*>(mapped);
    first_ = round_up(mapped_, kLargePage);
    madvise(first_, bytes_, MADV_HUGEPAGE);  // or else they are small ones
  }
  ~Region() { munmap(mapped_, mapped_bytes_); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  bool has(size_t bytes) const { return bytes <= bytes_ - used_; }
  char* take(size_t bytes) {
    char* taken = first_ + used_;
    used_ += bytes;
    return taken;
  }
  // The last one's place is taken again. Pages of others are the system's as soon as nothing else
  // is in them, the region when all are gone.
  void give_back(char* piece, size_t bytes) {
    if (piece + bytes == first_ + used_) used_ -= bytes;
    char* const page = round_up(piece, kLargePage);
    const auto before = static_cast<size_t>(page - piece);
    if (bytes < before + kLargePage) return;
    madvise(page, (bytes - before) / kLargePage * kLargePage, MADV_DONTNEED);
  }

 private:
  size_t bytes_, mapped_bytes_, used_ = 0;
  char *mapped_, *first_;
};

struct Regions {
  std::mutex mutex;
  std::weak_ptr<Region> current;
};

// Never destroyed: what lies in them may outlive it otherwise.
Regions& regions() {
  static auto* const only = new Regions;
  return *only;
}

class Piece {
 public:
  Piece(std::shared_ptr<Region> region, char* data, size_t bytes)
      : region_(std::move(region)), data_(data), bytes_(bytes) {}
  ~Piece() {
    std::lock_guard lock(regions().mutex);
    region_->give_back(data_, bytes_);
  }
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;

 private:
  const std::shared_ptr<Region> region_;
  char* const data_;
  const size_t bytes_;
};

// Where there is room for so many bytes. With the mutex held.
std::shared_ptr<Region> region_for(size_t bytes) {
  if (bytes > kRegionBytes / 4) return std::make_shared<Region>(bytes);
  std::shared_ptr<Region> region = regions().current.lock();
  if (region && region->has(bytes)) return region;
  region = std::make_shared<Region>(kRegionBytes);
  regions().current = region;
  return region;
}

}  // namespace

std::shared_ptr<char> allocate_in_large_pages(size_t bytes) {
  bytes = round_up(bytes, kAlignment);
  std::shared_ptr<Region> region;
  char* data = nullptr;
  {
    std::lock_guard lock(regions().mutex);
    region = region_for(bytes);
    data = region->take(bytes);
  }
  return {std::make_shared<Piece>(std::move(region), data, bytes), data};
}

}  // namespace nnapi::host
