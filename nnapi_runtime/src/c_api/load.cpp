// Loading, and what a loaded model is.
#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "c_api/boundary.h"
#include "c_api/session_handle.h"
#include "c_api/tensor_info.h"

namespace nnapi::c_api {
namespace {

using loader::ArgumentError;
using session::Artifact;
using session::Bytes;

torch_nnapi_options default_options() {
  torch_nnapi_options options{};
  options.size = sizeof options;
  options.preference = TORCH_NNAPI_SUSTAINED_SPEED;
  options.fallback = TORCH_NNAPI_FALLBACK_HOST;
  return options;
}

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

std::vector<std::string> lines_of(const char* text) {
  std::vector<std::string> lines;
  std::istringstream rest(text_of(text));
  for (std::string line; std::getline(rest, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

session::Options options_of(const torch_nnapi_options* given) {
  const torch_nnapi_options options =
      given == nullptr ? default_options() : read_struct(given, default_options(), "options");
  if (options.num_threads < 0) {
    throw ArgumentError("num_threads is " + std::to_string(options.num_threads) +
                        "; it must be at least 1, or 0 for the library's choice");
  }
  if (number_of(options.preference) < TORCH_NNAPI_LOW_POWER ||
      number_of(options.preference) > TORCH_NNAPI_SUSTAINED_SPEED) {
    throw ArgumentError("preference is " + std::to_string(number_of(options.preference)) +
                        "; it must be from 0 to 2");
  }
  if (number_of(options.fallback) != TORCH_NNAPI_FALLBACK_NONE &&
      number_of(options.fallback) != TORCH_NNAPI_FALLBACK_HOST) {
    throw ArgumentError("fallback is " + std::to_string(number_of(options.fallback)) +
                        "; it must be 0 or 1");
  }
  const int32_t priorities[] = {TORCH_NNAPI_PRIORITY_DEFAULT, TORCH_NNAPI_PRIORITY_LOW,
                                TORCH_NNAPI_PRIORITY_MEDIUM, TORCH_NNAPI_PRIORITY_HIGH};
  if (std::find(std::begin(priorities), std::end(priorities), number_of(options.priority)) ==
      std::end(priorities)) {
    throw ArgumentError("priority is " + std::to_string(number_of(options.priority)) +
                        "; it must be 0, 90, 100 or 110");
  }
  session::Options made;
  made.library = text_of(options.library);
  made.host_library = text_of(options.host_library);
  made.num_threads = static_cast<uint32_t>(options.num_threads);
  made.preference = options.preference;
  made.priority = options.priority;
  made.loop_timeout = options.loop_timeout_ns;
  made.timeout = options.timeout_ns;
  made.memory_limit = options.memory_limit;
  made.cache_directory = text_of(options.cache_dir);
  made.fallback = options.fallback == TORCH_NNAPI_FALLBACK_HOST ? session::Fallback::kHost
                                                                : session::Fallback::kNone;
  made.devices = lines_of(options.devices);
  made.driver_check.wanted = options.check_driver != 0;
  made.driver_check.program = text_of(options.check_program);
  if (options.check_timeout_ns != 0) made.driver_check.timeout = options.check_timeout_ns;
  return made;
}

// A file, and what errors call it.
struct Opened {
  std::string name;
  std::shared_ptr<const Bytes> bytes;
  const char* path;  // the caller's; null: it has none
};

template <class Open>
torch_nnapi_status load(const torch_nnapi_options* options, torch_nnapi_session** session,
                        const Open& open) {
  if (session != nullptr) *session = nullptr;
  return guarded([&] {
    if (session == nullptr) throw ArgumentError("the place for the session is null");
    Opened file = open();
    *session = loader::with_memory_for(file.name, [&] {
      session::Options chosen = options_of(options);
      chosen.driver_check.file = text_of(file.path);
      auto artifact = Artifact::read(std::move(file.bytes), file.name);
      auto opened = std::make_unique<session::Session>(std::move(artifact), chosen);
      auto made = std::make_unique<torch_nnapi_session>();
      made->open = std::make_shared<OpenSession>(std::move(opened));
      return made.release();
    });
  });
}

bool is_method(const torch_nnapi_session* session) {
  return session != nullptr && session->open->session.is_method();
}

}  // namespace
}  // namespace nnapi::c_api

extern "C" {

using namespace nnapi::c_api;

void torch_nnapi_options_init(torch_nnapi_options* options, size_t size) {
  if (options == nullptr) return;
  options->size = size;
  write_struct(default_options(), options);
}

torch_nnapi_status torch_nnapi_load_path(const char* path, const torch_nnapi_options* options,
                                         torch_nnapi_session** session) {
  return load(options, session, [&] {
    if (path == nullptr) throw ArgumentError("the path is null");
    return Opened{path, Bytes::map(path), path};
  });
}

torch_nnapi_status torch_nnapi_load_fd(int fd, int64_t offset, int64_t length,
                                       const torch_nnapi_options* options,
                                       torch_nnapi_session** session) {
  return load(options, session, [&] {
    std::string name = "file descriptor " + std::to_string(fd);
    auto bytes = Bytes::map(fd, offset, length, name);
    return Opened{std::move(name), std::move(bytes), nullptr};
  });
}

torch_nnapi_status torch_nnapi_load_memory(const void* data, size_t bytes,
                                           void (*release)(void* context), void* context,
                                           const torch_nnapi_options* options,
                                           torch_nnapi_session** session) {
  return load(options, session, [&] {
    // Released once, whatever fails.
    const std::shared_ptr<const void> owner(data, [release, context](const void*) {
      if (release != nullptr) release(context);
    });
    if (data == nullptr) throw ArgumentError("the memory is null");
    return Opened{"the file in memory",
                  Bytes::view({static_cast<const std::byte*>(data), bytes}, [owner] {}), nullptr};
  });
}

void torch_nnapi_session_free(torch_nnapi_session* session) { delete session; }

int32_t torch_nnapi_feature_level(const torch_nnapi_session* session) {
  return session == nullptr
             ? 0
             : static_cast<int32_t>(session->open->session.artifact().manifest.feature_level);
}

size_t torch_nnapi_input_count(const torch_nnapi_session* session) {
  return is_method(session) ? session->open->session.manifest().inputs.size() : 0;
}

size_t torch_nnapi_output_count(const torch_nnapi_session* session) {
  return is_method(session) ? session->open->session.manifest().results.size() : 0;
}

torch_nnapi_status torch_nnapi_input_info(const torch_nnapi_session* session, size_t index,
                                          torch_nnapi_tensor_info* info) {
  return guarded([&] {
    const auto& manifest = open_session(session)->session.manifest();
    read_struct(info, torch_nnapi_tensor_info{}, "info");
    const auto& spec = item_at(manifest.inputs, index, "input");
    torch_nnapi_tensor_info made = info_of(manifest, spec);
    const std::vector<int64_t> example = nnapi::session::example_shape(manifest, index);
    std::copy(example.begin(), example.end(), made.example);
    write_struct(made, info);
  });
}

torch_nnapi_status torch_nnapi_output_info(const torch_nnapi_session* session, size_t index,
                                           torch_nnapi_tensor_info* info) {
  return guarded([&] {
    const auto& manifest = open_session(session)->session.manifest();
    read_struct(info, torch_nnapi_tensor_info{}, "info");
    const auto& result = item_at(manifest.results, index, "output");
    torch_nnapi_tensor_info made{};
    made.name = "";
    made.is_none = 1;
    if (result.spec) made = info_of(manifest, *result.spec);
    made.written_input = -1;
    for (size_t i = 0; result.into && i < manifest.inputs.size(); ++i) {
      if (manifest.inputs[i].name == *result.into) made.written_input = static_cast<int32_t>(i);
    }
    write_struct(made, info);
  });
}
}
