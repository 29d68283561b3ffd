// JSON as the session reads it. What is wrong with a document, it tells as of a file: ModelError.
#pragma once

#include <utility>

#include "json/document.h"
#include "json/field.h"
#include "loader/error.h"

namespace nnapi::session {

using json::Document;
using json::Field;
using json::Json;
using json::JsonKind;
using json::number_text;
using json::printable;

// read(), and its errors of JSON as ModelError.
template <class Read>
auto reading_json(Read&& read) {
  try {
    return std::forward<Read>(read)();
  } catch (const json::Error& error) {
    throw loader::ModelError(error.what());
  }
}

}  // namespace nnapi::session
