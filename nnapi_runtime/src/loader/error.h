// What the loader throws.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace nnapi::loader {

// A library that cannot be loaded or lacks a function.
struct LibraryError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Model words, or the weights beside them, that are not what the format says.
struct WordsError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Arrays given to a run that do not fit the model.
struct ArgumentError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A call that the NNAPI library answered with something else than NO_ERROR.
struct CallError : std::runtime_error {
  CallError(int code, std::string call, std::optional<uint32_t> operation, const std::string& text)
      : std::runtime_error(text), code(code), call(std::move(call)), operation(operation) {}

  int code;
  std::string call;                   // the function's name
  std::optional<uint32_t> operation;  // index in the main model, where one is known to be concerned
};

// "BAD_DATA" for ANEURALNETWORKS_BAD_DATA.
const char* code_name(int code);

}  // namespace nnapi::loader
