// The NNAPI libraries of a session: the one that it was made for, and our own beside it.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "loader/library.h"
#include "session/manifest/pieces.h"
#include "session/options.h"

namespace nnapi::session {

// The processor, among the devices of our own library.
inline constexpr const char* kHostDevice = "torch-nnapi-host";

// Opens each when it is first asked for. Threads may share it.
class Libraries {
 public:
  explicit Libraries(const Options& options);

  // Throws LibraryError.
  std::shared_ptr<const loader::Library> get(LibraryRole role);
  // Is the library that the session was made for our own?
  bool are_one() const { return target_path_ == host_path_; }

 private:
  std::string target_path_, host_path_;
  std::mutex mutex_;
  std::shared_ptr<const loader::Library> target_, host_;
};

}  // namespace nnapi::session
