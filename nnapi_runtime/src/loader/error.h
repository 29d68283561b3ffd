// What the loader and the session throw: one type, which says of what kind it is.
#pragma once

#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "nnapi/neural_networks.h"

namespace nnapi::loader {

enum class ErrorKind : uint8_t {
  kCall,      // an NNAPI library answered a call with something else than NO_ERROR
  kLibrary,   // a library cannot be loaded, or lacks a function
  kModel,     // a file, or a part of one, is damaged or not what it should be
  kArgument,  // arguments that do not fit the model, or options out of range
};

struct Error : std::exception {
  Error(ErrorKind kind, std::string text) : kind(kind), text(std::move(text)) {}

  const char* what() const noexcept override { return text.c_str(); }
  // The same error in other words; and told of something that has a name: a file, a model.
  Error with_text(std::string other) const {
    Error error = *this;
    error.text = std::move(other);
    return error;
  }
  Error within(const std::string& name) const { return with_text(name + ": " + text); }
  // Did the library not take the model, or is there none? What fails in a run is no refusal,
  // nor is want of memory.
  bool is_refusal() const;

  ErrorKind kind;
  std::string text;
  int code = 0;                       // NNAPI's result code, of kCall
  std::string call;                   // the function's name, of kCall
  std::optional<uint32_t> operation;  // index in the main model, where one is known to be concerned
  std::string node;                   // the node of the user's model that it came from
  std::string source;                 // and where the user wrote it: "model.py:12"
};

struct LibraryError : Error {
  explicit LibraryError(std::string text) : Error(ErrorKind::kLibrary, std::move(text)) {}
};

struct ModelError : Error {
  explicit ModelError(std::string text) : Error(ErrorKind::kModel, std::move(text)) {}
};

struct ArgumentError : Error {
  explicit ArgumentError(std::string text) : Error(ErrorKind::kArgument, std::move(text)) {}
};

struct CallError : Error {
  CallError(int result, std::string function, std::optional<uint32_t> index, std::string text)
      : Error(ErrorKind::kCall, std::move(text)) {
    code = result;
    call = std::move(function);
    operation = index;
  }
};

// What `body` returns. Where there is no memory for it, a CallError that says so of `name`.
template <class Body>
auto with_memory_for(const std::string& name, const Body& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    throw CallError(ANEURALNETWORKS_OUT_OF_MEMORY, "", {}, name + ": there is not enough memory");
  }
}

// "BAD_DATA" for ANEURALNETWORKS_BAD_DATA.
const char* code_name(int code);

}  // namespace nnapi::loader
