#include "host/threads/time_limit.h"

#include <utility>

namespace nnapi::host {
namespace {

thread_local TimeLimit* t_current = nullptr;

}  // namespace

TimeLimit::TimeLimit(const std::optional<Clock::time_point>& end) : holds_(end.has_value()) {
  if (!holds_) return;
  end_ = *end;
  outer_ = std::exchange(t_current, this);
}

TimeLimit::~TimeLimit() {
  if (holds_) t_current = outer_;
}

TimeLimit* TimeLimit::current() { return t_current; }

TimeLimit* TimeLimit::exchange_current(TimeLimit* limit) { return std::exchange(t_current, limit); }

}  // namespace nnapi::host
