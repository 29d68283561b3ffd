// Where operations run, and what they cost.
#include <memory>

#include "c_api/boundary.h"
#include "c_api/session_handle.h"
#include "c_api/tensors.h"

struct torch_nnapi_operations {
  struct Texts {
    std::string node, target, source, library, reason;
  };

  std::vector<Texts> texts;
  std::vector<torch_nnapi_operation> operations;

  // Once all texts are there and stay where they are.
  void point_to_texts() {
    for (size_t i = 0; i < texts.size(); ++i) {
      operations[i].size = sizeof(torch_nnapi_operation);
      operations[i].node = texts[i].node.c_str();
      operations[i].target = texts[i].target.c_str();
      operations[i].source = texts[i].source.c_str();
      operations[i].library = texts[i].library.c_str();
      operations[i].reason = texts[i].reason.c_str();
    }
  }
};

extern "C" {

using namespace nnapi::c_api;

torch_nnapi_status torch_nnapi_placement(torch_nnapi_session* session,
                                         torch_nnapi_operations** operations) {
  if (operations != nullptr) *operations = nullptr;
  return guarded([&] {
    if (operations == nullptr) {
      throw nnapi::loader::ArgumentError("the place for the operations is null");
    }
    auto made = std::make_unique<torch_nnapi_operations>();
    for (const auto& one : open_session(session)->session.placements()) {
      made->texts.push_back(
          {one.origin.node, one.origin.target, one.origin.source, one.library, one.reason});
      made->operations.emplace_back().code = one.code.value_or(-1);
    }
    made->point_to_texts();
    *operations = made.release();
  });
}

torch_nnapi_status torch_nnapi_profile(torch_nnapi_session* session,
                                       const torch_nnapi_tensor* inputs, size_t count,
                                       torch_nnapi_operations** operations) {
  if (operations != nullptr) *operations = nullptr;
  return guarded([&] {
    if (operations == nullptr) {
      throw nnapi::loader::ArgumentError("the place for the operations is null");
    }
    auto made = std::make_unique<torch_nnapi_operations>();
    for (const auto& one : open_session(session)->session.profile(values_of(inputs, count))) {
      made->texts.push_back({one.origin.node, one.origin.target, one.origin.source, "", ""});
      made->operations.emplace_back().code = one.code.value_or(-1);
      made->operations.back().nanoseconds = one.nanoseconds;
    }
    made->point_to_texts();
    *operations = made.release();
  });
}

size_t torch_nnapi_operations_count(const torch_nnapi_operations* operations) {
  return operations == nullptr ? 0 : operations->operations.size();
}

const torch_nnapi_operation* torch_nnapi_operations_get(const torch_nnapi_operations* operations,
                                                        size_t index) {
  if (operations == nullptr || index >= operations->operations.size()) return nullptr;
  return &operations->operations[index];
}

void torch_nnapi_operations_free(torch_nnapi_operations* operations) { delete operations; }

const char* torch_nnapi_why_fallback(torch_nnapi_session* session) {
  thread_local std::string why;
  why.clear();
  guarded([&] {
    for (const auto& one : open_session(session)->session.placements()) {
      if (why.empty()) why = one.reason;
    }
  });
  return why.c_str();
}
}
