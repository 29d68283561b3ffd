// torch_nnapi.h for C++: handles that free themselves, and errors as exceptions. Header only,
// C++17.
//
//   torch_nnapi::Session session = torch_nnapi::Session::load("model.nnapi");
//   std::vector<float> pixels(...);
//   torch_nnapi::Results results = session({torch_nnapi::tensor(pixels.data(), {1, 3, 224, 224})});
//   const float* scores = results.data<float>(0);
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "torch_nnapi.h"

namespace torch_nnapi {

// What a failing call throws: torch_nnapi_error with texts of its own.
class Error : public std::runtime_error {
 public:
  explicit Error(const torch_nnapi_error& error)
      : std::runtime_error(error.message),
        status(error.status),
        call(error.call),
        code(error.code),
        operation(error.operation),
        node(error.node),
        source(error.source) {}

  torch_nnapi_status status;
  std::string call, code;
  int64_t operation;
  std::string node, source;
};

inline void check(torch_nnapi_status status) {
  if (status != TORCH_NNAPI_OK) throw Error(*torch_nnapi_last_error());
}

// The dtype of a C++ type; of a float16, name it yourself.
template <class T>
struct DType;
template <>
struct DType<bool> {
  static constexpr torch_nnapi_dtype value = TORCH_NNAPI_BOOL;
};
template <>
struct DType<uint8_t> {
  static constexpr torch_nnapi_dtype value = TORCH_NNAPI_UINT8;
};
template <>
struct DType<int8_t> {
  static constexpr torch_nnapi_dtype value = TORCH_NNAPI_INT8;
};
template <>
struct DType<int16_t> {
  static constexpr torch_nnapi_dtype value = TORCH_NNAPI_INT16;
};
template <>
struct DType<int32_t> {
  static constexpr torch_nnapi_dtype value = TORCH_NNAPI_INT32;
};
template <>
struct DType<int64_t> {
  static constexpr torch_nnapi_dtype value = TORCH_NNAPI_INT64;
};
template <>
struct DType<float> {
  static constexpr torch_nnapi_dtype value = TORCH_NNAPI_FLOAT32;
};
template <>
struct DType<double> {
  static constexpr torch_nnapi_dtype value = TORCH_NNAPI_FLOAT64;
};

// A row-major tensor over memory that stays the caller's. Throws std::invalid_argument for more
// than TORCH_NNAPI_MAX_RANK dimensions.
inline torch_nnapi_tensor tensor(torch_nnapi_dtype dtype, const void* data,
                                 const std::vector<int64_t>& shape) {
  if (shape.size() > TORCH_NNAPI_MAX_RANK) throw std::invalid_argument("too many dimensions");
  torch_nnapi_tensor made{};
  made.size = sizeof made;
  made.dtype = dtype;
  made.rank = static_cast<int32_t>(shape.size());
  made.bytes = torch_nnapi_dtype_size(dtype);
  for (size_t i = 0; i < shape.size(); ++i) {
    made.shape[i] = shape[i];
    made.bytes *= static_cast<size_t>(shape[i]);
  }
  made.data = const_cast<void*>(data);
  return made;
}

template <class T>
torch_nnapi_tensor tensor(const T* data, const std::vector<int64_t>& shape) {
  return tensor(DType<T>::value, data, shape);
}

// Options with their defaults set.
inline torch_nnapi_options options() {
  torch_nnapi_options made;
  torch_nnapi_options_init(&made, sizeof made);
  return made;
}

namespace detail {

template <class Handle, void (*free)(Handle*)>
struct Free {
  void operator()(Handle* handle) const { free(handle); }
};
template <class Handle, void (*free)(Handle*)>
using Owned = std::unique_ptr<Handle, Free<Handle, free>>;

}  // namespace detail

class Results {
 public:
  explicit Results(torch_nnapi_results* results) : results_(results) {}

  size_t size() const { return torch_nnapi_results_count(results_.get()); }
  // Null for a result that is None.
  const torch_nnapi_tensor* operator[](size_t i) const {
    return torch_nnapi_results_get(results_.get(), i);
  }
  // The elements of a result. Throws std::invalid_argument for another dtype, or None.
  template <class T>
  const T* data(size_t i) const {
    const torch_nnapi_tensor* one = (*this)[i];
    if (one == nullptr || one->dtype != DType<T>::value) {
      throw std::invalid_argument("result " + std::to_string(i) + " is of another type");
    }
    return static_cast<const T*>(one->data);
  }

 private:
  detail::Owned<torch_nnapi_results, torch_nnapi_results_free> results_;
};

class Operations {
 public:
  explicit Operations(torch_nnapi_operations* operations) : operations_(operations) {}

  size_t size() const { return torch_nnapi_operations_count(operations_.get()); }
  const torch_nnapi_operation& operator[](size_t i) const {
    return *torch_nnapi_operations_get(operations_.get(), i);
  }

 private:
  detail::Owned<torch_nnapi_operations, torch_nnapi_operations_free> operations_;
};

// Inputs and outputs that stay in one place.
class Binding {
 public:
  explicit Binding(torch_nnapi_binding* binding) : binding_(binding) {}

  void run() { check(torch_nnapi_binding_run(binding_.get())); }
  bool is_direct() const { return torch_nnapi_binding_is_direct(binding_.get()) != 0; }

 private:
  detail::Owned<torch_nnapi_binding, torch_nnapi_binding_free> binding_;
};

// All throw Error.
class Session {
 public:
  static Session load(const std::string& path, const torch_nnapi_options& given = options()) {
    torch_nnapi_session* session = nullptr;
    check(torch_nnapi_load_path(path.c_str(), &given, &session));
    return Session(session);
  }
  static Session load(int fd, int64_t offset, int64_t length,
                      const torch_nnapi_options& given = options()) {
    torch_nnapi_session* session = nullptr;
    check(torch_nnapi_load_fd(fd, offset, length, &given, &session));
    return Session(session);
  }
  // The memory must stay as it is while the session lives.
  static Session load(const void* data, size_t bytes,
                      const torch_nnapi_options& given = options()) {
    torch_nnapi_session* session = nullptr;
    check(torch_nnapi_load_memory(data, bytes, nullptr, nullptr, &given, &session));
    return Session(session);
  }

  std::vector<torch_nnapi_tensor_info> inputs() const {
    return infos(torch_nnapi_input_count(get()), torch_nnapi_input_info);
  }
  std::vector<torch_nnapi_tensor_info> outputs() const {
    return infos(torch_nnapi_output_count(get()), torch_nnapi_output_info);
  }
  int32_t feature_level() const { return torch_nnapi_feature_level(get()); }

  std::vector<std::string> methods() const {
    std::vector<std::string> names;
    for (size_t i = 0; i < torch_nnapi_method_count(get()); ++i) {
      names.emplace_back(torch_nnapi_method_name(get(), i));
    }
    return names;
  }
  // One of them, over the same state.
  Session method(const std::string& name) const {
    torch_nnapi_session* made = nullptr;
    check(torch_nnapi_method(get(), name.c_str(), &made));
    return Session(made);
  }

  std::vector<torch_nnapi_tensor_info> states() const {
    return infos(torch_nnapi_state_count(get()), torch_nnapi_state_info);
  }
  // `into` is the caller's memory.
  void read_state(size_t i, torch_nnapi_tensor& into) const {
    check(torch_nnapi_state_read(get(), i, &into));
  }
  void write_state(size_t i, const torch_nnapi_tensor& value) {
    check(torch_nnapi_state_write(get(), i, &value));
  }
  void reset() { check(torch_nnapi_reset(get())); }
  // Goes on from the same state by itself.
  Session fork() const {
    torch_nnapi_session* made = nullptr;
    check(torch_nnapi_fork(get(), &made));
    return Session(made);
  }

  Results operator()(const std::vector<torch_nnapi_tensor>& arguments) {
    torch_nnapi_results* results = nullptr;
    check(torch_nnapi_run(get(), arguments.data(), arguments.size(), &results));
    return Results(results);
  }
  void run_into(const std::vector<torch_nnapi_tensor>& arguments,
                std::vector<torch_nnapi_tensor>& results) {
    check(torch_nnapi_run_into(get(), arguments.data(), arguments.size(), results.data(),
                               results.size()));
  }
  Binding bind(const std::vector<torch_nnapi_tensor>& arguments,
               const std::vector<torch_nnapi_tensor>& results) {
    torch_nnapi_binding* binding = nullptr;
    check(torch_nnapi_bind(get(), arguments.data(), arguments.size(), results.data(),
                           results.size(), &binding));
    return Binding(binding);
  }
  Operations placement() const {
    torch_nnapi_operations* operations = nullptr;
    check(torch_nnapi_placement(get(), &operations));
    return Operations(operations);
  }
  Operations profile(const std::vector<torch_nnapi_tensor>& arguments) {
    torch_nnapi_operations* operations = nullptr;
    check(torch_nnapi_profile(get(), arguments.data(), arguments.size(), &operations));
    return Operations(operations);
  }
  std::string why_fallback() const { return torch_nnapi_why_fallback(get()); }
  void cancel(bool cancelled = true) { torch_nnapi_cancel(get(), cancelled ? 1 : 0); }

  torch_nnapi_session* get() const { return session_.get(); }

 private:
  explicit Session(torch_nnapi_session* session) : session_(session) {}

  template <class Ask>
  std::vector<torch_nnapi_tensor_info> infos(size_t count, Ask ask) const {
    std::vector<torch_nnapi_tensor_info> made(count);
    for (size_t i = 0; i < count; ++i) {
      made[i].size = sizeof made[i];
      check(ask(get(), i, &made[i]));
    }
    return made;
  }

  detail::Owned<torch_nnapi_session, torch_nnapi_session_free> session_;
};

}  // namespace torch_nnapi
