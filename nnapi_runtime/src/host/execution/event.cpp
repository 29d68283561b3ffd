#include "host/execution/event.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "host/base/error.h"

namespace nnapi::host {

std::shared_ptr<Event> Event::start(std::shared_ptr<Execution> execution,
                                    std::vector<std::shared_ptr<Event>> dependencies,
                                    uint64_t duration) {
  std::shared_ptr<Event> event(new Event);
  auto work = [event = event.get(), execution = std::move(execution),
               dependencies = std::move(dependencies), duration] {
    for (const auto& dependency : dependencies)
      if (dependency->wait() != kOk) {
        Failure failure{"a computation that this one depends on has failed: " + last_failure().text,
                        -1};
        event->finish(execution->abandon(ANEURALNETWORKS_OP_FAILED, failure), failure);
        return;
      }
    const Status status = execution->compute(duration);
    event->finish(status, execution->failure());
  };
  try {
    event->thread_ = std::thread(work);
  } catch (const std::system_error&) {
    work();  // no thread is to be had: the client waits here instead
  }
  return event;
}

Status Event::from_fence(int fd, std::shared_ptr<Event>* event) {
  constexpr const char* kFunction = "Event_createFromSyncFenceFd";
  if (fd <= 0) return fail(ANEURALNETWORKS_BAD_DATA, "%s: the descriptor is %d", kFunction, fd);
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0)
    return fail(ANEURALNETWORKS_BAD_DATA, "%s: descriptor %d is not open", kFunction, fd);
  event->reset(new Event);
  (*event)->fence_ = copy;
  return kOk;
}

Event::~Event() {
  if (thread_.joinable()) thread_.join();
  if (fence_ >= 0) close(fence_);
}

void Event::finish(Status status, Failure failure) {
  std::lock_guard lock(mutex_);
  done_ = true;
  status_ = status;
  failure_ = std::move(failure);
  changed_.notify_all();
}

void Event::settle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_ || fence_ >= 0; });
}

Status Event::wait() {
  if (fence_ >= 0) {
    pollfd waiting{fence_, POLLIN, 0};
    int ready;
    do {
      ready = poll(&waiting, 1, -1);
    } while (ready < 0 && errno == EINTR);
    if (ready == 1 && (waiting.revents & POLLIN) != 0) return kOk;
    return fail(ANEURALNETWORKS_OP_FAILED, "Event_wait: the sync fence has failed");
  }
  settle();
  std::lock_guard lock(mutex_);
  if (status_ == kOk) return kOk;
  return fail(status_, failure_);
}

Status Event::fence(int* fd) const {
  *fd = fence_ >= 0 ? fcntl(fence_, F_DUPFD_CLOEXEC, 0) : -1;
  if (*fd >= 0) return kOk;
  return fail(ANEURALNETWORKS_BAD_DATA, "Event_getSyncFenceFd: the event has no sync fence");
}

}  // namespace nnapi::host
