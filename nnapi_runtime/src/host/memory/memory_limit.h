// How much memory a computation may take: what its client allows, and what the machine has.
#pragma once

#include <cstdint>
#include <new>
#include <string>

namespace nnapi::host {

// For the results between a model's inputs and outputs, and scratch memory.
struct MemoryLimit {
  uint64_t bytes = UINT64_MAX;
  uint64_t times_inputs = 0;  // so many times the bytes of the inputs besides

  uint64_t with_inputs(uint64_t input_bytes) const;
};

// The text says how much was asked for, and what the limit is.
class NotEnoughMemory : public std::bad_alloc {
 public:
  explicit NotEnoughMemory(std::string text) : text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

// Before memory grows by `growth` to `bytes` in all. Throws NotEnoughMemory where that is more than
// `limit`, or the growth remarkable and more than the machine has free: the system would promise
// it, and end the process that writes to it.
void check_memory(uint64_t growth, uint64_t bytes, uint64_t limit);

}  // namespace nnapi::host
