#include "loader/library.h"

#include <dlfcn.h>

#include <cstdlib>

#include "loader/error.h"

namespace nnapi::loader {

std::string Library::host_path() {
  Dl_info here;
  if (dladdr(reinterpret_cast<const void*>(&Library::host_path), &here) == 0) {
    throw LibraryError("the folder of nnapi_runtime's loader cannot be determined");
  }
  std::string path = here.dli_fname;
  const size_t slash = path.rfind('/');
#ifdef __ANDROID__
  // In an app's folder a libneuralnetworks.so would be found in the place of the phone's.
  static constexpr const char* kName = "/libtorch_nnapi_host.so";
#else
  static constexpr const char* kName = "/libneuralnetworks.so";
#endif
  return (slash == std::string::npos ? "." : path.substr(0, slash)) + kName;
}

std::string Library::default_path() {
  const char* chosen = std::getenv("NNAPI_LIBRARY");
  if (chosen != nullptr && *chosen != '\0') return chosen;
#ifdef __ANDROID__
  return "libneuralnetworks.so";
#else
  return host_path();
#endif
}

std::shared_ptr<const Library> Library::open(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw LibraryError("cannot load the NNAPI library " + path + ": " + dlerror() +
                       "; name another one with the argument `library` or the environment "
                       "variable NNAPI_LIBRARY, or leave both out for the library that "
                       "nnapi_runtime brings along");
  }
  std::shared_ptr<Library> library(new Library);
  library->path_ = path;
  std::string missing;
#define NNAPI_FIND(function, ...) \
  library->function = reinterpret_cast<decltype(library->function)>(dlsym(handle, #function));
#define NNAPI_FIND_REQUIRED(function) \
  NNAPI_FIND(function)                \
  if (library->function == nullptr)   \
    missing += (missing.empty() ? "" : ", ") + std::string(#function);
  NNAPI_LOADER_FUNCTIONS(NNAPI_FIND_REQUIRED, NNAPI_FIND, NNAPI_FIND)
#undef NNAPI_FIND_REQUIRED
#undef NNAPI_FIND
  if (!missing.empty()) {
    throw LibraryError(path + " is not a whole NNAPI library: it lacks " + missing +
                       ", which every one has since feature level 27; name a libneuralnetworks.so "
                       "with the argument `library` or the environment variable NNAPI_LIBRARY");
  }
  return library;
}

void Library::check(int code, const char* call, const std::string& what,
                    std::optional<uint32_t> operation) const {
  if (code == ANEURALNETWORKS_NO_ERROR) return;
  if (!operation && nnapi_host_last_error_operation != nullptr) {
    const int32_t index = nnapi_host_last_error_operation();
    if (index >= 0) operation = static_cast<uint32_t>(index);
  }
  std::string text = std::string(call) + ": " + code_name(code);
  if (!what.empty()) text += " for " + what;
  const char* reason = nnapi_host_last_error != nullptr ? nnapi_host_last_error() : "";
  if (*reason != '\0') text += ": " + std::string(reason);
  throw CallError(code, call, operation, text);
}

void Library::lacks(const char* name, int level, const char* purpose) const {
  throw LibraryError(path_ + " lacks " + name + " (since feature level " + std::to_string(level) +
                     "), which " + purpose +
                     " needs; use a newer NNAPI library, or convert for a lower feature level");
}

}  // namespace nnapi::loader
