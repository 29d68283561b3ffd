// Which build of this library runs: equal builds lay out packed weights equally.
#pragma once

#include <cstddef>
#include <span>

namespace nnapi::host {

// The linker's build id; empty where there is none.
std::span<const std::byte> build_id();

}  // namespace nnapi::host
