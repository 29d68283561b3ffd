#include "host/weights/atomic_new_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace nnapi::host {
namespace {

constexpr size_t kRandomDigits = 32;
constexpr int kAttempts = 16;

// Empty where the system has no random numbers.
std::string random_digits() {
  uint64_t numbers[2];
  const int source =
      open("/dev/urandom", O_RDONLY | O_CLOEXEC);  // Android has getrandom from 28 on
  if (source < 0) return {};
  const ssize_t got = read(source, numbers, sizeof numbers);
  close(source);
  if (got != sizeof numbers) return {};
  char digits[kRandomDigits + 1];
  std::snprintf(digits, sizeof digits, "%016llx%016llx",
                static_cast<unsigned long long>(numbers[0]),
                static_cast<unsigned long long>(numbers[1]));
  return digits;
}

bool is_left_file(std::string_view name, std::string_view suffix) {
  const size_t at = name.rfind('.');
  if (at == std::string_view::npos || at + 1 == name.size()) return false;
  // Earlier releases put the number of their process there.
  return name.substr(0, at).ends_with(suffix) && name.size() - at - 1 <= kRandomDigits &&
         name.find_first_not_of("0123456789abcdef", at + 1) == std::string_view::npos;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

NewFile::NewFile(const std::string& path) : path_(path) {
  for (int attempt = 0; attempt < kAttempts && file_ < 0; ++attempt) {
    const std::string digits = random_digits();
    if (digits.empty()) return;
    temporary_ = path + "." + digits;
    file_ = open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file_ < 0 && errno != EEXIST) return;
  }
  // Another folder than ours may not be able to lock; then nobody removes it, either.
  if (file_ >= 0) flock(file_, LOCK_EX | LOCK_NB);
}

NewFile::~NewFile() {
  if (file_ < 0) return;
  if (!temporary_.empty()) unlink(temporary_.c_str());
  close(file_);
}

bool NewFile::put(const void* data, size_t bytes) {
  if (!put_at(written_, data, bytes)) return false;
  written_ += bytes;
  return true;
}

bool NewFile::put_at(size_t offset, const void* data, size_t bytes) const {
  const char* from = static_cast<const char*>(data);
  while (file_ >= 0 && bytes != 0) {
    const ssize_t done = pwrite(file_, from, bytes, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    from += done;
    offset += static_cast<size_t>(done);
    bytes -= static_cast<size_t>(done);
  }
  return file_ >= 0;
}

bool NewFile::take_place() {
  if (file_ < 0 || fsync(file_) != 0 || rename(temporary_.c_str(), path_.c_str()) != 0)
    return false;
  temporary_.clear();
  const int folder = open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);
    close(folder);
  }
  return true;
}

void remove_left_files(const std::string& folder, const std::string& suffix) {
  DIR* listed = opendir(folder.c_str());
  if (!listed) return;
  while (const dirent* entry = readdir(listed)) {
    if (!is_left_file(entry->d_name, suffix)) continue;
    const int file =
        openat(dirfd(listed), entry->d_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) continue;
    struct stat status;
    const bool is_file = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    // Whoever writes it holds the lock, until it is in its place or its process is no more.
    if (is_file && flock(file, LOCK_EX | LOCK_NB) == 0) unlinkat(dirfd(listed), entry->d_name, 0);
    close(file);
  }
  closedir(listed);
}

}  // namespace nnapi::host
