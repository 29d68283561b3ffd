// A burst: executions of one compilation, one after the other.
#pragma once

#include <atomic>
#include <memory>

#include "host/execution/execution.h"

namespace nnapi::host {

class Burst {
 public:
  static constexpr uint32_t kMagic = 0x62727331;

  explicit Burst(std::shared_ptr<const Compilation> compilation)
      : compilation_(std::move(compilation)) {}

  const std::shared_ptr<const Compilation>& compilation() const { return compilation_; }
  // False while another execution of this burst is computing.
  bool acquire() { return !busy_.exchange(true); }
  void release() { busy_ = false; }

 private:
  std::shared_ptr<const Compilation> compilation_;
  std::atomic<bool> busy_{false};
};

}  // namespace nnapi::host
