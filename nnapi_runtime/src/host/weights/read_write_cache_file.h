// The file of a compilation cache: a header, the places of its pieces, and the pieces.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/weights/packed_weights.h"

namespace nnapi::host {

inline constexpr char kCacheSuffix[] = ".nnapi-cache";

using Pieces = std::vector<PackedSequence::Piece>;

// The pieces of a file that was written with this key, mapped; nothing if there is none, or it is
// damaged in any way, or a link. Whatever the file says, nothing outside of it is touched.
std::optional<Pieces> read_cache_file(const std::string& path, uint64_t key);

// Threads, processes and other machines may be reading or writing the same file: it appears
// complete, or not at all, and one that is there is never changed, only replaced.
void write_cache_file(const std::string& path, uint64_t key, const Pieces& pieces);

}  // namespace nnapi::host
