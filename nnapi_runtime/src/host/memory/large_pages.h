// Memory for what is read again and again: large pieces lie beside each other, in large pages where
// the system has them. Small pages come from anywhere in the machine's memory, so that of weights
// that would just fit the second cache some push others out of it.
#pragma once

#include <cstddef>
#include <memory>

namespace nnapi::host {

// Worth it for so many bytes; fewer of them would mostly leave a page empty.
constexpr size_t kWorthLargePages = size_t{128} << 10;

// Aligned to 64 bytes; what is in it is undefined. Throws std::bad_alloc.
std::shared_ptr<char> allocate_in_large_pages(size_t bytes);

}  // namespace nnapi::host
