// How a session runs a model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nnapi/neural_networks.h"

namespace nnapi::session {

// What happens to a model that the NNAPI library refuses, or that there is no library for.
enum class Fallback : uint8_t {
  kNone,   // loading fails
  kTorch,  // all of it runs in torch, where there is one and the file says how
  kHost,   // what is refused runs on our own library; where that refuses it too, as kTorch
};

// A driver is tried with the model before it is trusted (driver_check/check_driver.h).
struct DriverCheck {
  bool wanted = false;
  std::string file;                   // the model's path, for another process to read
  std::string program;                // empty: default_check_program()
  uint64_t timeout = 60'000'000'000;  // nanoseconds that it may take
};

struct Options {
  std::string library;               // empty: loader::Library::default_path()
  std::string host_library;          // our own; empty: loader::Library::host_path()
  std::vector<std::string> devices;  // of the library, by name or type ("gpu"); empty: any
  uint32_t num_threads = 0;  // at most; 0: the library decides. Only our own library listens.
  int32_t preference = ANEURALNETWORKS_PREFER_SUSTAINED_SPEED;
  int32_t priority = 0;         // 0: the library decides; else of ANEURALNETWORKS_PRIORITY_*
  uint64_t loop_timeout = 0;    // nanoseconds that a loop may take; 0: NNAPI's default
  uint64_t timeout = 0;         // nanoseconds that a run may take; 0: as long as it likes
  uint64_t memory_limit = 0;    // bytes for a piece's outputs, and for what it computes between; 0:
                                // in proportion to weights and inputs (limits.h)
  std::string cache_directory;  // where libraries keep what compiling made; empty: nowhere
  Fallback fallback = Fallback::kHost;
  DriverCheck driver_check;
};

}  // namespace nnapi::session
