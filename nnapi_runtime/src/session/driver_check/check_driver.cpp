#include "session/driver_check/check_driver.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "loader/devices.h"
#include "loader/error.h"
#include "session/driver_check/run_program.h"
#include "session/sha256.h"

namespace nnapi::session {
namespace {

constexpr const char* kHeader = "nnapi-driver-check 1";
// What the program writes before it tries a model, or an operation.
constexpr std::string_view kBegin = "begin\t";

std::string hexadecimal(std::string_view text) {
  std::string digits;
  for (const uint8_t byte : sha256(text)) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", byte);
    digits += two;
  }
  return digits;
}

std::string fingerprint(const Artifact& artifact, const Options& options,
                        const loader::Library& library) {
  std::string text = artifact.identity + '\n' + library.path() + '\n';
  for (const loader::Device& device : loader::list_devices(library)) {
    text += device.name + ' ' + device.version + ' ' + std::to_string(device.feature_level) + '\n';
  }
  for (const std::string& device : options.devices) text += "wanted " + device + '\n';
  return hexadecimal(text);
}

std::optional<Verdicts> read_kept(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  if (!std::getline(file, line) || line != kHeader) return {};
  Verdicts verdicts;
  while (std::getline(file, line)) {
    if (line == "end") return verdicts;
    if (!read_verdict(line, verdicts)) return {};
  }
  return {};
}

// Whole or not at all; without a verdict that is kept, the next session asks again.
void keep(const std::string& path, const Verdicts& verdicts) {
  std::string text = std::string(kHeader) + '\n';
  for (const auto& [model, verdict] : verdicts) text += verdict.line(model) + '\n';
  text += "end\n";
  std::string temporary = path + ".XXXXXX";
  const int file = mkstemp(temporary.data());
  if (file < 0) return;
  const bool is_written =
      write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(file);
  if (!is_written || std::rename(temporary.c_str(), path.c_str()) != 0) unlink(temporary.c_str());
}

// What the program said of each model, and how far it came.
struct Progress {
  Verdicts verdicts;
  std::string model;  // that was begun, and is not told of
  std::optional<uint32_t> operation;
};

Progress read_progress(const std::string& output) {
  Progress progress;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(kBegin)) {
      if (read_verdict(line, progress.verdicts)) progress.model.clear();
      continue;
    }
    std::istringstream fields(line.substr(kBegin.size()));
    std::string operation;
    std::getline(fields, progress.model, '\t');
    progress.operation.reset();
    if (std::getline(fields, operation, '\t')) {
      progress.operation = static_cast<uint32_t>(std::strtoul(operation.c_str(), nullptr, 10));
    }
  }
  return progress;
}

class Check {
 public:
  Check(const Artifact& artifact, const Options& options, const std::string& target,
        const std::string& host)
      : options_(options), file_(options.driver_check.file) {
    command_ = {options.driver_check.program.empty() ? default_check_program(options)
                                                     : options.driver_check.program,
                "--library", target, "--host-library", host};
    for (const std::string& device : options.devices) {
      command_.push_back("--device");
      command_.push_back(device);
    }
    if (file_.empty()) {
      throw loader::ArgumentError(
          "a driver is checked with a model that was loaded from a path, for another process "
          "reads it as well");
    }
    for (const auto& [name, words] : artifact.models) waiting_.push_back(name);
  }

  Verdicts verdicts() {
    while (!waiting_.empty()) {
      const auto [progress, end] = ask(waiting_, false);
      for (const auto& [model, verdict] : progress.verdicts) made_.insert_or_assign(model, verdict);
      std::erase_if(waiting_, [&](const std::string& one) { return made_.contains(one); });
      if (waiting_.empty()) break;
      if (progress.model.empty() || made_.contains(progress.model)) {
        throw loader::LibraryError("'" + command_.front() + "' told nothing of '" +
                                   waiting_.front() + "'" + how(end));
      }
      made_.insert_or_assign(progress.model, fault(progress.model, end));
      std::erase(waiting_, progress.model);
    }
    return made_;
  }

 private:
  struct Answer {
    Progress progress;
    ProgramEnd end;
  };

  Answer ask(const std::vector<std::string>& models, bool by_operation) const {
    std::vector<std::string> command = command_;
    if (by_operation) command.push_back("--by-operation");
    command.push_back(file_);
    command.insert(command.end(), models.begin(), models.end());
    ProgramEnd end = run_program(command, options_.driver_check.timeout);
    Progress progress = read_progress(end.output);
    return {std::move(progress), std::move(end)};
  }

  static std::string how(const ProgramEnd& end) {
    if (end.is_late) return ": it did not answer in time";
    if (end.signal != 0) return ": it was ended by signal " + std::to_string(end.signal);
    return ": it ended with code " + std::to_string(end.status);
  }

  // A model that ended the process, or never ended: which operation does so by itself?
  Verdict fault(const std::string& model, const ProgramEnd& end) const {
    Verdict verdict{end.is_late ? Verdict::Kind::kHung : Verdict::Kind::kCrashed,
                    {},
                    end.is_late
                        ? "it did not end within " +
                              std::to_string(options_.driver_check.timeout / 1000000) + " ms"
                        : "it ended the process by signal " + std::to_string(end.signal)};
    const auto [progress, other] = ask({model}, true);
    if (progress.model == model) verdict.operation = progress.operation;
    return verdict;
  }

  const Options& options_;
  std::string file_;
  std::vector<std::string> command_, waiting_;
  Verdicts made_;
};

}  // namespace

std::string default_check_program(const Options& options) {
#if defined(__ANDROID__)
  constexpr const char* kName = "libnnapi_check_driver.so";
#else
  constexpr const char* kName = "nnapi-check-driver";
#endif
  const std::string host =
      options.host_library.empty() ? loader::Library::host_path() : options.host_library;
  return host.substr(0, host.rfind('/') + 1) + kName;
}

Verdicts check_driver(const Artifact& artifact, const Options& options, Libraries& libraries) {
  const auto target = libraries.get(LibraryRole::kTarget);
  const auto host = libraries.get(LibraryRole::kHost);
  std::string kept;
  if (!options.cache_directory.empty()) {
    kept = options.cache_directory + "/driver-" + fingerprint(artifact, options, *target);
    if (auto verdicts = read_kept(kept)) return std::move(*verdicts);
  }
  Verdicts verdicts = Check(artifact, options, target->path(), host->path()).verdicts();
  if (!kept.empty()) keep(kept, verdicts);
  return verdicts;
}

}  // namespace nnapi::session
