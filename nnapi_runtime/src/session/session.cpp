#include "session/session.h"

#include <filesystem>

#include "loader/error.h"
#include "session/driver_check/check_driver.h"
#include "session/libraries.h"

namespace nnapi::session {

using loader::ArgumentError;

namespace {

void make_cache_directory(const Artifact& artifact, const std::string& directory) {
  if (directory.empty()) return;
  if (artifact.identity.empty()) {
    throw ArgumentError("cache_dir needs a model from a .nnapi file, which has checksums");
  }
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error && !std::filesystem::is_directory(directory, error) && !error) {
    error = std::make_error_code(std::errc::not_a_directory);
  }
  if (error) {
    throw ArgumentError("cache_dir '" + directory + "' cannot be made: " + error.message());
  }
}

// "'encode', 'decode'".
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (text.size() > 500) break;
    text += (text.empty() ? "'" : ", '") + printable(name) + "'";
  }
  return text;
}

void check_without_torch(const Manifest& manifest) {
  const std::string programs = listed(external_programs(manifest));
  if (programs.empty()) return;
  throw loader::ModelError("torch runs " + programs +
                           ", and there is no torch here; convert the model with "
                           "fallback=\"error\", which says why NNAPI cannot");
}

}  // namespace

// Compiled models, and what they need.
struct Session::Shared {
  Shared(std::shared_ptr<const Artifact> given, const Options& chosen,
         std::shared_ptr<PieceRunner> torch, std::function<void(const std::string&)> fell_back)
      : artifact(std::move(given)),
        options(chosen),
        runner(std::move(torch)),
        libraries(options),
        setting{*artifact,
                {libraries, options, artifact->identity, false, 0, {}},
                runner.get(),
                std::move(fell_back)} {}

  std::shared_ptr<const Artifact> artifact;
  Options options;
  std::shared_ptr<PieceRunner> runner;
  Libraries libraries;
  MethodSetting setting;
  std::vector<std::unique_ptr<NamedMethod>> methods;
};

Session::Session(std::shared_ptr<const Artifact> artifact, const Options& options,
                 std::shared_ptr<PieceRunner> runner,
                 std::function<void(const std::string&)> fell_back)
    : shared_(std::make_shared<Shared>(std::move(artifact), options, std::move(runner),
                                       std::move(fell_back))),
      kept_(std::make_shared<Kept>()) {
  const Manifest& manifest = this->artifact().manifest;
  const auto add = [&](const std::string& name, std::vector<const Manifest*> manifests) {
    shared_->methods.push_back(loader::with_memory_for("compiling it", [&] {
      return std::make_unique<NamedMethod>(name, std::move(manifests), shared_->setting);
    }));
  };
  try {
    if (shared_->runner == nullptr) check_without_torch(manifest);
    make_cache_directory(this->artifact(), shared_->options.cache_directory);
    if (shared_->options.driver_check.wanted && shared_->setting.nnapi.has_driver()) {
      shared_->setting.nnapi.verdicts =
          check_driver(this->artifact(), shared_->options, shared_->libraries);
    }
    if (!manifest.states.empty()) kept_->state = std::make_unique<State>(shared_->artifact);
    if (manifest.methods.empty()) add("forward", {&manifest});
    for (const MethodSpec& method : manifest.methods) {
      std::vector<const Manifest*> manifests;
      for (const auto& one : method.manifests) manifests.push_back(one.get());
      add(method.name, std::move(manifests));
    }
  } catch (const loader::Error& error) {
    throw error.within(this->artifact().name);
  }
  if (shared_->methods.size() == 1) method_ = shared_->methods.front().get();
}

Session::Session(std::shared_ptr<Shared> shared, std::shared_ptr<Kept> kept, NamedMethod* method)
    : shared_(std::move(shared)), kept_(std::move(kept)), method_(method) {}

Session::~Session() = default;

const Artifact& Session::artifact() const { return *shared_->artifact; }

const Options& Session::options() const { return shared_->options; }

std::vector<std::string> Session::methods() const {
  std::vector<std::string> names;
  for (const auto& method : shared_->methods) names.push_back(method->name());
  return names;
}

std::unique_ptr<Session> Session::method(const std::string& name) const {
  for (const auto& method : shared_->methods) {
    if (method->name() != name) continue;
    return std::unique_ptr<Session>(new Session(shared_, kept_, method.get()));
  }
  throw ArgumentError(artifact().name + " has no method '" + printable(name) + "'; it has " +
                      listed(methods()));
}

NamedMethod& Session::only_method() const {
  if (method_ != nullptr) return *method_;
  throw ArgumentError(artifact().name + " has several methods: " + listed(methods()) +
                      "; call one of them by its name");
}

std::vector<const NamedMethod*> Session::meant() const {
  if (method_ != nullptr) return {method_};
  std::vector<const NamedMethod*> all;
  for (const auto& method : shared_->methods) all.push_back(method.get());
  return all;
}

Results Session::run(std::vector<Value> arguments, const std::atomic<bool>* cancelled) {
  NamedMethod& method = only_method();
  State* state = kept_->state.get();
  std::unique_lock turn(kept_->mutex, std::defer_lock);
  if (state != nullptr) turn.lock();
  const RunLimits limits(shared_->options.timeout, cancelled);
  return loader::with_memory_for(artifact().name, [&] {
    return method.chosen(arguments).run(std::move(arguments), limits, state);
  });
}

std::vector<Cost> Session::profile(std::vector<Value> arguments) {
  NamedMethod& method = only_method();
  const State* state = kept_->state.get();
  std::unique_lock turn(kept_->mutex, std::defer_lock);
  if (state != nullptr) turn.lock();
  const RunLimits limits(shared_->options.timeout, nullptr);
  return loader::with_memory_for(artifact().name, [&] {
    return method.chosen(arguments).profile(std::move(arguments), limits, state);
  });
}

std::vector<Placement> Session::placements() const {
  std::vector<Placement> all;
  for (const NamedMethod* method : meant()) {
    for (Placement& one : method->placements()) all.push_back(std::move(one));
  }
  return all;
}

std::optional<std::string> Session::fallback() const {
  for (const NamedMethod* method : meant()) {
    if (auto why = method->fallback()) return why;
  }
  return {};
}

const NnapiPiece* Session::only_piece() const { return only_method().only_piece(); }

void Session::reset() {
  const std::lock_guard turn(kept_->mutex);
  if (kept_->state != nullptr) kept_->state->reset();
}

Value Session::state(size_t i) const {
  const std::lock_guard turn(kept_->mutex);
  return copied(kept_->state->value(i));
}

void Session::set_state(size_t i, const Value& value) {
  const std::lock_guard turn(kept_->mutex);
  kept_->state->set(i, value);
}

std::unique_ptr<Session> Session::fork() const {
  auto kept = std::make_shared<Kept>();
  const std::lock_guard turn(kept_->mutex);
  if (kept_->state != nullptr) kept->state = std::make_unique<State>(*kept_->state);
  return std::unique_ptr<Session>(new Session(shared_, std::move(kept), method_));
}

}  // namespace nnapi::session
