// A file's bytes in memory: mapped, or given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace nnapi::session {

// Stays where it is as long as somebody has it.
class Bytes {
 public:
  // All of a file. Throws ModelError: "PATH cannot be read: …".
  static std::shared_ptr<const Bytes> map(const std::string& path);
  // `length` bytes from `offset` of an open file, which may be closed afterwards; a negative
  // `length`: up to its end. Throws ModelError, whose text begins with `name`.
  static std::shared_ptr<const Bytes> map(int descriptor, int64_t offset, int64_t length,
                                          const std::string& name);
  // Memory that the caller keeps until `release` is called, which may be empty. It is copied where
  // it does not begin at a multiple of 4 bytes.
  static std::shared_ptr<const Bytes> view(std::span<const std::byte> memory,
                                           std::function<void()> release);

  // The same in memory that is aligned for elements of any type.
  std::shared_ptr<const Bytes> aligned() const;

  ~Bytes() { release_(); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  std::span<const std::byte> all() const { return all_; }

 private:
  static std::shared_ptr<const Bytes> map_file(const std::string& path);
  Bytes(std::span<const std::byte> all, std::function<void()> release)
      : all_(all), release_(std::move(release)) {}

  std::span<const std::byte> all_;
  std::function<void()> release_;
};

}  // namespace nnapi::session
