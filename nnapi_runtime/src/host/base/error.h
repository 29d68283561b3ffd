// How failures are told: an NNAPI result code, with a text that is kept for
// nnapi_host_last_error and, where a client can't have meant it, written to stderr.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <string>

#include "host/base/status.h"

namespace nnapi::host {

// A failure's text and the operation of the main model that it is about (-1: none).
struct Failure {
  std::string text;
  int32_t operation = -1;
};

// The calling thread's last failure.
Failure& last_failure();

// Keeps the text for this thread and returns `code`. All but OUTPUT_INSUFFICIENT_SIZE are also
// logged, one line each, unless the environment says NNAPI_HOST_LOG=0.
[[gnu::format(printf, 2, 3)]] Status fail(Status code, const char* format, ...);
Status fail(Status code, Failure failure);

// One line on stderr, unless the environment says NNAPI_HOST_LOG=0: for what is no failure.
void log_line(const std::string& text);

const char* code_name(Status code);
[[gnu::format(printf, 1, 2)]] std::string format(const char* text, ...);
std::string vformat(const char* text, va_list arguments);

}  // namespace nnapi::host
