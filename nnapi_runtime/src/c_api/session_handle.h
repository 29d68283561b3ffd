// What torch_nnapi_session points to.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "session/session.h"
#include "torch_nnapi.h"

namespace nnapi::c_api {

// Lives as long as the handle, its bindings, and the runs that are on their way.
struct OpenSession {
  explicit OpenSession(std::unique_ptr<session::Session> opened)
      : owned(std::move(opened)), session(*owned) {}

  std::atomic<bool> cancelled = false;
  std::unique_ptr<session::Session> owned;
  session::Session& session;
};

}  // namespace nnapi::c_api

struct torch_nnapi_session {
  std::shared_ptr<nnapi::c_api::OpenSession> open;
};

namespace nnapi::c_api {

// Throws ArgumentError for null.
inline std::shared_ptr<OpenSession> open_session(const torch_nnapi_session* session) {
  if (session == nullptr) throw loader::ArgumentError("the session is null");
  return session->open;
}

}  // namespace nnapi::c_api
