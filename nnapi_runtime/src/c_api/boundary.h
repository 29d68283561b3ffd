// The border between C++ and C: exceptions become statuses, and structs may be of another version.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "loader/error.h"
#include "torch_nnapi.h"

namespace nnapi::c_api {

// Keeps what the calling thread's torch_nnapi_last_error gives.
torch_nnapi_status remember(const loader::Error& error);
torch_nnapi_status remember_out_of_memory();

// Calls `body`; no exception leaves it.
template <class Body>
torch_nnapi_status guarded(Body body) noexcept {
  try {
    try {
      body();
      return TORCH_NNAPI_OK;
    } catch (const loader::Error& error) {
      return remember(error);
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      return remember(loader::ModelError(error.what()));
    } catch (...) {
      return remember(loader::ModelError("an exception of unknown kind"));
    }
  } catch (...) {  // there is not even memory for a text
    return remember_out_of_memory();
  }
}

// What a field of the caller's holds, which may be none of the enum's values.
template <class Enum>
int32_t number_of(const Enum& value) {
  static_assert(sizeof value == sizeof(int32_t));
  int32_t number;
  std::memcpy(&number, &value, sizeof number);
  return number;
}

// A struct of the caller's version as this library's: fields that the caller does not know are as
// in `defaults`. Throws ArgumentError for a struct whose size was not set.
template <class Struct>
Struct read_struct(const Struct* given, Struct defaults, const char* what) {
  if (given == nullptr) throw loader::ArgumentError(std::string(what) + " is null");
  if (given->size < sizeof(size_t) || given->size > 4096) {
    throw loader::ArgumentError(std::string(what) + " has a size of " +
                                std::to_string(given->size) + "; set it to sizeof");
  }
  std::memcpy(&defaults, given, std::min(given->size, sizeof(Struct)));
  return defaults;
}

// And back, without what the caller does not know, and with the caller's size.
template <class Struct>
void write_struct(Struct value, Struct* target) {
  value.size = target->size;
  std::memcpy(target, &value, std::min(target->size, sizeof(Struct)));
}

// The `index`th of an array of structs of the caller's version, whose first says how large they
// are.
template <class Struct>
Struct* struct_at(Struct* first, size_t index) {
  using Bytes = std::conditional_t<std::is_const_v<Struct>, const char, char>;
  return reinterpret_cast<Struct*>(reinterpret_cast<Bytes*>(first) + index * first->size);
}

}  // namespace nnapi::c_api
