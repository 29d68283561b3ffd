// How much a file may ask for. A file within these limits costs memory and time in proportion to
// its size.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nnapi::session::limits {

constexpr size_t kHeaderBytes = 100'000'000;  // safetensors' own limit
constexpr size_t kControlFlowDepth = 64;      // `if` and `while` inside of each other
constexpr size_t kPieces = size_t{1} << 16;
constexpr size_t kValues = size_t{1} << 20;  // names of values
constexpr size_t kResults = size_t{1} << 16;
constexpr size_t kSizes = 256;  // free sizes
constexpr size_t kVariants = 4096;
constexpr size_t kMethods = 256;
constexpr size_t kExpressionDepth = 64;
constexpr size_t kExpressionTerms = 4096;
constexpr size_t kOutputTreeDepth = 50;
constexpr size_t kRank = 32;

// Without a limit of the caller's: what the outputs of an NNAPI piece may take, and as much again
// what lies between its inputs and outputs. So much, and so many times the file's weights and the
// piece's inputs.
constexpr uint64_t kFreeMemory = uint64_t{256} << 20;
constexpr uint32_t kMemoryTimes = 1000;

// How many compiled models a piece of free sizes keeps, one for each of the latest sizes.
constexpr size_t kCompiledSizes = 8;

}  // namespace nnapi::session::limits
