// What a client waits for: a computation on another thread, or a sync fence.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "host/execution/execution.h"

namespace nnapi::host {

class Event {
 public:
  static constexpr uint32_t kMagic = 0x65767431;

  // Computes an execution that was begun, once all dependencies are done. One that ends with an
  // error ends the computation, too.
  static std::shared_ptr<Event> start(std::shared_ptr<Execution> execution,
                                      std::vector<std::shared_ptr<Event>> dependencies,
                                      uint64_t duration);
  // Any descriptor that becomes readable will do for a fence; the event has its own copy.
  static Status from_fence(int fd, std::shared_ptr<Event>* event);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // Waits for the computation, if it is one, and says nothing about it.
  void settle();
  // Returns the result, and makes the text of a failure the calling thread's last one.
  Status wait();
  // A copy of the fence's descriptor, the caller's to close.
  Status fence(int* fd) const;

 private:
  Event() = default;
  void finish(Status status, Failure failure);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  Status status_ = kOk;
  Failure failure_;
  std::thread thread_;
  int fence_ = -1;
};

}  // namespace nnapi::host
