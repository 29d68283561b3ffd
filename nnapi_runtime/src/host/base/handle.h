// The handles that a client holds. A handle's memory is never given back to the system, only to
// later handles, so that a freed one is recognised as dead instead of being read as garbage.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

namespace nnapi::host {

// One handle to a T. The object lives as long as any handle or object needs it: freeing a model
// before its compilation, or a memory before the model that reads it, is harmless.
template <class T>
struct Handle {
  std::atomic<uint32_t> magic{0};
  std::shared_ptr<T> object;
  Handle* next_free = nullptr;  // of one that was freed: the one freed after it
};

// All handles of one kind. T::kMagic tells the kinds apart.
template <class T>
class HandlePool {
 public:
  static HandlePool& instance() {
    static HandlePool* pool = new HandlePool;  // lives until the process ends
    return *pool;
  }

  Handle<T>* add(std::shared_ptr<T> object) {
    std::lock_guard lock(mutex_);
    Handle<T>* handle;
    // Freed handles rest for a while, so that freeing one twice is noticed rather than hitting
    // somebody else's.
    if (free_count_ > kResting) {
      handle = std::exchange(first_free_, first_free_->next_free);
      --free_count_;
    } else {
      handle = &handles_.emplace_back();
    }
    handle->object = std::move(object);
    handle->magic.store(T::kMagic, std::memory_order_release);
    return handle;
  }

  // Null when the handle is not a live one of this kind. The handle itself is not null.
  static T* get(const Handle<T>* handle) {
    return is_live(handle) ? handle->object.get() : nullptr;
  }
  static std::shared_ptr<T> share(const Handle<T>* handle) {
    return is_live(handle) ? handle->object : nullptr;
  }

  // False when it was freed before. Takes no memory: freeing cannot fail.
  bool remove(Handle<T>* handle) {
    std::shared_ptr<T> last;  // destroyed after the lock is released
    std::lock_guard lock(mutex_);
    uint32_t expected = T::kMagic;
    if (!handle->magic.compare_exchange_strong(expected, 0)) return false;
    last = std::move(handle->object);
    handle->next_free = nullptr;
    (free_count_++ == 0 ? first_free_ : last_free_->next_free) = handle;
    last_free_ = handle;
    return true;
  }

 private:
  static constexpr size_t kResting = 64;
  static bool is_live(const Handle<T>* handle) {
    return handle->magic.load(std::memory_order_acquire) == T::kMagic;
  }

  std::mutex mutex_;
  std::deque<Handle<T>> handles_;
  Handle<T>*first_free_ = nullptr, *last_free_ = nullptr;
  size_t free_count_ = 0;
};

}  // namespace nnapi::host
