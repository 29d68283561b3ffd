#include "session/libraries.h"

namespace nnapi::session {

Libraries::Libraries(const Options& options)
    : target_path_(options.library.empty() ? loader::Library::default_path() : options.library),
      host_path_(options.host_library.empty() ? loader::Library::host_path()
                                              : options.host_library) {}

std::shared_ptr<const loader::Library> Libraries::get(LibraryRole role) {
  const std::lock_guard lock(mutex_);
  const bool target = role == LibraryRole::kTarget;
  auto& library = target ? target_ : host_;
  if (library == nullptr) library = loader::Library::open(target ? target_path_ : host_path_);
  return library;
}

}  // namespace nnapi::session
