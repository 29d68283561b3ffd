#include "host/base/error.h"

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <new>

namespace nnapi::host {
namespace {

bool logging() {
  static const bool on = [] {
    const char* value = std::getenv("NNAPI_HOST_LOG");
    return value == nullptr || std::string(value) != "0";
  }();
  return on;
}

}  // namespace

Failure& last_failure() {
  thread_local Failure failure;
  return failure;
}

const char* code_name(Status code) {
  static const char* const kNames[] = {"NO_ERROR",
                                       "OUT_OF_MEMORY",
                                       "INCOMPLETE",
                                       "UNEXPECTED_NULL",
                                       "BAD_DATA",
                                       "OP_FAILED",
                                       "BAD_STATE",
                                       "UNMAPPABLE",
                                       "OUTPUT_INSUFFICIENT_SIZE",
                                       "UNAVAILABLE_DEVICE",
                                       "MISSED_DEADLINE_TRANSIENT",
                                       "MISSED_DEADLINE_PERSISTENT",
                                       "RESOURCE_EXHAUSTED_TRANSIENT",
                                       "RESOURCE_EXHAUSTED_PERSISTENT",
                                       "DEAD_OBJECT"};
  return code >= 0 && static_cast<size_t>(code) < std::size(kNames) ? kNames[code] : "UNKNOWN";
}

std::string vformat(const char* text, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = std::vsnprintf(nullptr, 0, text, again);
  va_end(again);
  std::string result(length > 0 ? length : 0, '\0');
  if (length > 0) std::vsnprintf(result.data(), result.size() + 1, text, arguments);
  return result;
}

std::string format(const char* text, ...) {
  va_list arguments;
  va_start(arguments, text);
  std::string result = vformat(text, arguments);
  va_end(arguments);
  return result;
}

void log_line(const std::string& text) {
  if (logging()) std::fprintf(stderr, "nnapi: %s\n", text.c_str());
}

Status fail(Status code, Failure failure) {
  if (code != ANEURALNETWORKS_OUTPUT_INSUFFICIENT_SIZE)
    log_line(code_name(code) + (": " + failure.text));
  last_failure() = std::move(failure);
  return code;
}

Status fail(Status code, const char* text, ...) {
  va_list arguments;
  va_start(arguments, text);
  Failure failure;
  try {
    failure.text = vformat(text, arguments);
  } catch (const std::bad_alloc&) {
    // The code has to do: this may be on the way out of a C function.
  }
  va_end(arguments);
  return fail(code, std::move(failure));
}

}  // namespace nnapi::host
