// A file that takes its place only when it is whole and on the disk.
#pragma once

#include <cstddef>
#include <string>

namespace nnapi::host {

// Beside the path, under a name that nobody else uses, and that no link can stand in for: threads,
// processes and machines that share a folder do not meet. It is locked while it is written, which
// tells it from one whose writer has died.
class NewFile {
 public:
  explicit NewFile(const std::string& path);
  ~NewFile();  // removes what did not take its place
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  // Of the file, which can be read as well; below 0 if it could not be made.
  int descriptor() const { return file_; }
  // At the end.
  bool put(const void* data, size_t bytes);
  bool put_at(size_t offset, const void* data, size_t bytes) const;
  size_t written() const { return written_; }
  // Brings it onto the disk and into its place.
  bool take_place();

 private:
  std::string path_, temporary_;
  int file_ = -1;
  size_t written_ = 0;
};

// Removes the files in a folder that writers who died have left there.
void remove_left_files(const std::string& folder, const std::string& suffix);

}  // namespace nnapi::host
