// When something has to be done by, if there is a limit.
#pragma once

#include <chrono>
#include <optional>

namespace nnapi::host {

using Clock = std::chrono::steady_clock;
using Deadline = std::optional<Clock::time_point>;
inline bool has_passed(const Deadline& deadline) { return deadline && Clock::now() >= *deadline; }

}  // namespace nnapi::host
