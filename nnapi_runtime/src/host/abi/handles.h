// From the client's handles to the objects behind them. Every C function goes through `with`.
#pragma once

#include <new>
#include <stdexcept>

#include "host/base/error.h"
#include "host/base/handle.h"
#include "host/memory/memory_limit.h"

namespace nnapi::host {

template <class T, class Opaque>
Handle<T>* handle_of(const Opaque* opaque) {
  return reinterpret_cast<Handle<T>*>(const_cast<Opaque*>(opaque));
}

// Nothing is thrown over the border to C.
template <class F>
Status guarded(const char* function, F&& body) {
  try {
    return body();
  } catch (const NotEnoughMemory& error) {
    return fail(ANEURALNETWORKS_OUT_OF_MEMORY, "%s: %s", function, error.what());
  } catch (const std::bad_alloc&) {
    return fail(ANEURALNETWORKS_OUT_OF_MEMORY, "%s: out of memory", function);
  } catch (const std::exception& error) {
    return fail(ANEURALNETWORKS_OP_FAILED, "%s: %s", function, error.what());
  }
}

inline Status null_argument(const char* function) {
  return fail(ANEURALNETWORKS_UNEXPECTED_NULL, "%s: an argument is null", function);
}
inline Status dead_handle(const char* function) {
  return fail(ANEURALNETWORKS_BAD_STATE, "%s: the handle was freed, or is of another kind",
              function);
}

// Calls body(object) with the object behind a handle.
template <class T, class Opaque, class F>
Status with(const char* function, const Opaque* opaque, F&& body) {
  if (opaque == nullptr) return null_argument(function);
  T* object = HandlePool<T>::get(handle_of<T>(opaque));
  if (object == nullptr) return dead_handle(function);
  return guarded(function, [&] { return body(*object); });
}

// Like `with`, for what keeps the object: body(std::shared_ptr<T>).
template <class T, class Opaque, class F>
Status with_shared(const char* function, const Opaque* opaque, F&& body) {
  if (opaque == nullptr) return null_argument(function);
  std::shared_ptr<T> object = HandlePool<T>::share(handle_of<T>(opaque));
  if (object == nullptr) return dead_handle(function);
  return guarded(function, [&] { return body(std::move(object)); });
}

template <class T, class Opaque>
void give(std::shared_ptr<T> object, Opaque** opaque) {
  *opaque = reinterpret_cast<Opaque*>(HandlePool<T>::instance().add(std::move(object)));
}

template <class T, class Opaque>
void release(const char* function, Opaque* opaque) {
  if (opaque == nullptr) return;
  if (!HandlePool<T>::instance().remove(handle_of<T>(opaque))) dead_handle(function);
}

}  // namespace nnapi::host
