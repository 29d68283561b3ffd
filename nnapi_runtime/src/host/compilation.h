// A model compiled for the host.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "host/program.h"

namespace nnapi::host {

class Compilation {
 public:
  static constexpr uint32_t kMagic = 0x636d7031;

  // explicit_device: made by createForDevices, which some settings require.
  Compilation(std::shared_ptr<const Model> model, bool explicit_device)
      : model_(std::move(model)), explicit_device_(explicit_device) {}

  // ---- before finish
  Status set_preference(int32_t preference);
  Status set_priority(int32_t priority);
  Status set_timeout(uint64_t nanoseconds);
  Status set_caching(const char* directory, const uint8_t* token);
  Status set_num_threads(uint32_t count);
  Status refuse_extension(const char* name) const;
  Status finish();

  // ---- after
  bool is_ready() const { return program_ != nullptr; }
  Status check_ready(const char* function) const;
  bool has_explicit_device() const { return explicit_device_; }
  const Model& model() const { return *model_; }
  const Program& program() const { return *program_; }
  int num_threads() const { return num_threads_; }
  // What to align arguments to, and to pad them to, for them to be used without a copy.
  Status preferred_alignment(Role role, uint32_t index, uint32_t* alignment) const;
  Status preferred_padding(Role role, uint32_t index, uint32_t* padding) const;

 private:
  Status check_open(const char* function) const;
  Status check_argument(Role role, uint32_t index) const;

  std::shared_ptr<const Model> model_;
  bool explicit_device_;
  bool finished_ = false;
  int num_threads_ = 0;
  std::optional<Clock::duration> timeout_;
  std::string cache_directory_;
  std::optional<std::array<uint8_t, ANEURALNETWORKS_BYTE_SIZE_OF_CACHE_TOKEN>> cache_token_;
  std::shared_ptr<const Program> program_;
};

// A duration that fits the clock, however long the client asks for.
Clock::duration bounded_duration(uint64_t nanoseconds);

}  // namespace nnapi::host
