// What a model remembers between calls.
#include "c_api/boundary.h"
#include "c_api/session_handle.h"
#include "c_api/tensor_info.h"
#include "c_api/tensors.h"
#include "c_api/write_results.h"

extern "C" {

using namespace nnapi::c_api;
using nnapi::loader::ArgumentError;

size_t torch_nnapi_state_count(const torch_nnapi_session* session) {
  return session == nullptr ? 0 : session->open->session.artifact().manifest.states.size();
}

torch_nnapi_status torch_nnapi_state_info(const torch_nnapi_session* session, size_t index,
                                          torch_nnapi_tensor_info* info) {
  return guarded([&] {
    const auto& manifest = open_session(session)->session.artifact().manifest;
    read_struct(info, torch_nnapi_tensor_info{}, "info");
    torch_nnapi_tensor_info made =
        info_of(manifest, item_at(manifest.states, index, "state").tensor);
    made.scale = 0.0;  // states have their names apart from values
    made.zero_point = 0;
    write_struct(made, info);
  });
}

torch_nnapi_status torch_nnapi_state_read(const torch_nnapi_session* session, size_t index,
                                          torch_nnapi_tensor* tensor) {
  return guarded([&] {
    const auto open = open_session(session);
    const auto& spec = item_at(open->session.artifact().manifest.states, index, "state");
    std::vector places{read_struct(tensor, torch_nnapi_tensor{}, "the tensor")};
    if (places[0].data == nullptr) {
      throw ArgumentError("the tensor for the state '" + spec.tensor.name + "' has no memory");
    }
    write_results({open->session.state(index)}, places);
    write_struct(places[0], tensor);
  });
}

torch_nnapi_status torch_nnapi_state_write(torch_nnapi_session* session, size_t index,
                                           const torch_nnapi_tensor* tensor) {
  return guarded([&] {
    const auto open = open_session(session);
    const auto& spec = item_at(open->session.artifact().manifest.states, index, "state");
    const auto given = read_struct(tensor, torch_nnapi_tensor{}, "the tensor");
    open->session.set_state(index, value_of(given, "the state '" + spec.tensor.name + "'"));
  });
}

torch_nnapi_status torch_nnapi_reset(torch_nnapi_session* session) {
  return guarded([&] { open_session(session)->session.reset(); });
}

torch_nnapi_status torch_nnapi_fork(const torch_nnapi_session* session,
                                    torch_nnapi_session** fork) {
  if (fork != nullptr) *fork = nullptr;
  return guarded([&] {
    if (fork == nullptr) throw ArgumentError("the place for the session is null");
    auto made = open_session(session)->session.fork();
    *fork = new torch_nnapi_session{std::make_shared<OpenSession>(std::move(made))};
  });
}
}
