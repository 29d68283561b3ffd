// What a client holds, and loses.
#pragma once

#include <vector>

#include "fuzz/bytes.h"
#include "nnapi/neural_networks.h"

namespace nnapi::fuzz {

// Handles of one kind, each released at the end.
template <class T, void (*kRelease)(T*)>
class Handles {
 public:
  Handles() = default;
  ~Handles() {
    for (T* one : all_) kRelease(one);
  }
  Handles(const Handles&) = delete;

  // Sometimes null.
  T* one(Bytes& bytes) const {
    if (all_.empty() || bytes.one_in(32)) return nullptr;
    return bytes.one_in(2) ? all_.back() : all_[bytes.below(uint32_t(all_.size()))];
  }
  void keep(int status, T* made) {
    if (status != ANEURALNETWORKS_NO_ERROR || made == nullptr) return;
    if (all_.size() < kMost)
      all_.push_back(made);
    else
      kRelease(made);
  }
  // Now and then the handle stays: the library must tell those that it does not know any more.
  void release(Bytes& bytes) {
    if (all_.empty()) return kRelease(nullptr);
    const auto place = all_.begin() + bytes.below(uint32_t(all_.size()));
    kRelease(*place);
    if (!bytes.one_in(8)) all_.erase(place);
  }

 private:
  static constexpr size_t kMost = 10;
  std::vector<T*> all_;
};

}  // namespace nnapi::fuzz
