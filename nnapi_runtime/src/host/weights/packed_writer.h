// Appends values of any type to packed memory.
#pragma once

#include <cstring>

namespace nnapi::host {

class Writer {
 public:
  explicit Writer(char* to) : to_(to) {}
  template <class T>
  void put(T value) {
    std::memcpy(to_, &value, sizeof value);
    to_ += sizeof value;
  }

 private:
  char* to_;
};

}  // namespace nnapi::host
