// What a simulated device does wrong, and when.
#pragma once

#include <cstdint>
#include <string>

#include "host/base/deadline.h"
#include "host/base/status.h"

namespace nnapi::host {

// What a device is called for.
enum class CallPhase { kPrepare, kRun };

struct Fault {
  enum class Kind { kError, kHang, kAbort, kWrong };

  Kind kind;
  CallPhase phase = CallPhase::kRun;
  uint64_t after = 0;                       // so many calls of the phase go well before
  Status code = ANEURALNETWORKS_OP_FAILED;  // kError: what is answered
  Clock::duration time{};                   // kHang: how long it sleeps
  bool honours_deadline = false;            // kHang: does it end when the client's time is over?
  int32_t operation = 0, steps = 0;         // kWrong: whose results, and by how much
};

// How a call of a device went.
struct FaultOutcome {
  Status status = kOk;
  std::string text;
  bool ignores_deadline = false;  // what it does takes as long as it takes
};

}  // namespace nnapi::host
