// The methods of a file.
#include <memory>
#include <string>

#include "c_api/boundary.h"
#include "c_api/session_handle.h"

extern "C" {

using namespace nnapi::c_api;
using nnapi::loader::ArgumentError;

size_t torch_nnapi_method_count(const torch_nnapi_session* session) {
  return session == nullptr ? 0 : session->open->session.methods().size();
}

const char* torch_nnapi_method_name(const torch_nnapi_session* session, size_t index) {
  if (session == nullptr) return nullptr;
  const auto& methods = session->open->session.artifact().manifest.methods;
  if (methods.empty()) return index == 0 ? "forward" : nullptr;
  return index < methods.size() ? methods[index].name.c_str() : nullptr;
}

torch_nnapi_status torch_nnapi_method(const torch_nnapi_session* session, const char* name,
                                      torch_nnapi_session** method) {
  if (method != nullptr) *method = nullptr;
  return guarded([&] {
    if (method == nullptr) throw ArgumentError("the place for the session is null");
    if (name == nullptr) throw ArgumentError("the name of the method is null");
    auto made = open_session(session)->session.method(name);
    *method = new torch_nnapi_session{std::make_shared<OpenSession>(std::move(made))};
  });
}
}
