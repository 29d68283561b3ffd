#include "host/device/device_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <utility>

#include "host/base/error.h"
#include "json/field.h"

namespace nnapi::host {
namespace {

using json::Document;
using json::Error;
using json::Field;

constexpr size_t kMaxBytes = 16 << 20;
constexpr size_t kMaxDevices = 64;
constexpr size_t kMaxFaults = 64;
constexpr double kMaxSeconds = 24 * 3600;

std::string read_text(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) throw Error("is a directory");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(std::string("cannot be read: ") + std::strerror(errno));
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) throw Error("cannot be read");
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxBytes)
    throw Error("has more than " + std::to_string(kMaxBytes) + " bytes, the limit");
  return text;
}

// read(), and its errors with the file's name in front.
template <class Read>
auto within(const std::string& path, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw Error(json::printable(path) + ": " + error.what());
  }
}

void check_keys(const Field& object, std::initializer_list<const char*> known) {
  for (const auto& [key, value] : object.members()) {
    if (std::ranges::find(known, std::string_view(key)) != known.end()) continue;
    std::string all;
    for (const char* name : known) all += (all.empty() ? "" : ", ") + std::string(name);
    throw Error(json::printable(value.place()) + " means nothing here; known are " + all);
  }
}

// The value that a text stands for.
template <class T>
T choose(const Field& field, std::initializer_list<std::pair<const char*, T>> choices) {
  const std::string_view text = field.view();
  std::string all;
  for (const auto& [name, value] : choices) {
    if (text == name) return value;
    all += (all.empty() ? "" : ", ") + std::string(name);
  }
  throw field.refuse("one of " + all);
}

int32_t operation_of(const Field& field, std::string_view name) {
  for (const OpsetEntry& entry : opset())
    if (name == entry.name) return entry.code;
  throw field.refuse("of an operation that NNAPI has: " + json::printable(name) + " is none");
}

int32_t tensor_type_of(const Field& field) {
  for (int32_t type = 0; is_known_type(type); ++type)
    if (is_tensor_type(type) && type_name(type) == field.view()) return type;
  throw field.refuse("a type of tensors, such as TENSOR_FLOAT32");
}

int64_t level_of(const Field& field) {
  const int64_t level = field.integer(0, std::numeric_limits<int32_t>::max());
  for (int64_t known : {27, 28, 29, 30, 31, 1000006, 1000007, 1000008})
    if (level == known) return level;
  throw field.refuse("a feature level: 27 to 31, 1000006 to 1000008");
}

std::string name_of(const Field& field) {
  if (field.view().empty() || field.view().find('\0') != std::string_view::npos)
    throw field.refuse("a name");
  return field.text();
}

// What a device takes; name and level, where it has none of its own.
void read_profile(const Field& profile, Device* device) {
  device->name = name_of(profile["name"]);
  device->feature_level = level_of(profile["feature_level"]);
  device->profile.emplace();
  for (const auto& [name, types] : profile["operations"].members()) {
    auto& taken = (*device->profile)[operation_of(types, name)];
    for (const Field& type : types.items()) taken.insert(tensor_type_of(type));
  }
}

void read_profile_file(const Field& field, const std::string& devices_path, Device* device) {
  const std::filesystem::path path =
      std::filesystem::path(devices_path).parent_path() / name_of(field);
  try {
    within(path.string(), [&] {
      const Document document = Document::parse(read_text(path.string()), "the profile");
      read_profile(Field(document, document.root(), "profile"), device);
    });
  } catch (const Error& error) {
    throw Error(field.place() + ": " + error.what());
  }
}

Fault read_fault(const Field& field) {
  using Kind = Fault::Kind;
  Fault fault{};
  fault.kind = choose<Kind>(field["kind"], {{"error", Kind::kError},
                                            {"hang", Kind::kHang},
                                            {"abort", Kind::kAbort},
                                            {"wrong", Kind::kWrong}});
  if (fault.kind == Kind::kWrong) {
    check_keys(field, {"kind", "operation", "steps"});
    const Field operation = field["operation"];
    fault.operation = operation_of(operation, operation.view());
    if (fault.operation == ANEURALNETWORKS_IF || fault.operation == ANEURALNETWORKS_WHILE)
      throw operation.refuse("an operation that computes something itself");
    fault.steps = static_cast<int32_t>(field["steps"].integer(-(1 << 20), 1 << 20));
    return fault;
  }
  if (const auto when = field.find("at"))
    fault.phase =
        choose<CallPhase>(*when, {{"prepare", CallPhase::kPrepare}, {"run", CallPhase::kRun}});
  if (const auto after = field.find("after"))
    fault.after = static_cast<uint64_t>(after->integer(0, std::numeric_limits<int64_t>::max()));
  if (fault.kind == Kind::kAbort) check_keys(field, {"kind", "at", "after"});
  if (fault.kind == Kind::kError) {
    check_keys(field, {"kind", "at", "after", "code"});
    if (const auto code = field.find("code"))
      fault.code = choose<Status>(
          *code,
          {{"OP_FAILED", ANEURALNETWORKS_OP_FAILED},
           {"OUT_OF_MEMORY", ANEURALNETWORKS_OUT_OF_MEMORY},
           {"UNAVAILABLE_DEVICE", ANEURALNETWORKS_UNAVAILABLE_DEVICE},
           {"DEAD_OBJECT", ANEURALNETWORKS_DEAD_OBJECT},
           {"MISSED_DEADLINE_TRANSIENT", ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT},
           {"MISSED_DEADLINE_PERSISTENT", ANEURALNETWORKS_MISSED_DEADLINE_PERSISTENT},
           {"RESOURCE_EXHAUSTED_TRANSIENT", ANEURALNETWORKS_RESOURCE_EXHAUSTED_TRANSIENT},
           {"RESOURCE_EXHAUSTED_PERSISTENT", ANEURALNETWORKS_RESOURCE_EXHAUSTED_PERSISTENT}});
  }
  if (fault.kind == Kind::kHang) {
    check_keys(field, {"kind", "at", "after", "seconds", "honours_deadline"});
    const Field seconds = field["seconds"];
    if (!(seconds.number() >= 0 && seconds.number() <= kMaxSeconds))
      throw seconds.refuse("a number of seconds, of a day at most");
    fault.time = std::chrono::nanoseconds(static_cast<int64_t>(seconds.number() * 1e9));
    if (const auto honours = field.find("honours_deadline"))
      fault.honours_deadline = honours->flag();
  }
  return fault;
}

std::unique_ptr<Device> read_device(const Field& field, const std::string& path) {
  check_keys(field, {"name", "type", "version", "feature_level", "profile", "caching", "memories",
                     "durations", "faults"});
  auto device = std::make_unique<Device>();
  device->simulated = true;
  if (const auto profile = field.find("profile")) {
    if (profile->is_text())
      read_profile_file(*profile, path, device.get());
    else
      read_profile(*profile, device.get());
  }
  // What a profile says is the device's own where the file does not say it.
  if (!device->profile || field.find("name")) device->name = name_of(field["name"]);
  if (const auto level = field.find("feature_level")) device->feature_level = level_of(*level);
  if (const auto version = field.find("version")) device->version = name_of(*version);
  device->type =
      choose<int32_t>(field["type"], {{"unknown", ANEURALNETWORKS_DEVICE_UNKNOWN},
                                      {"other", ANEURALNETWORKS_DEVICE_OTHER},
                                      {"cpu", ANEURALNETWORKS_DEVICE_CPU},
                                      {"gpu", ANEURALNETWORKS_DEVICE_GPU},
                                      {"accelerator", ANEURALNETWORKS_DEVICE_ACCELERATOR}});
  if (const auto caching = field.find("caching")) device->caches = caching->flag();
  if (const auto memories = field.find("memories")) device->allocates = memories->flag();
  if (const auto durations = field.find("durations")) {
    enum Measured { kNothing, kDriver, kBoth };
    const auto measured =
        choose<Measured>(*durations, {{"none", kNothing}, {"driver", kDriver}, {"both", kBoth}});
    device->times_driver = measured != kNothing;
    device->times_hardware = measured == kBoth;
  }
  if (const auto faults = field.find("faults"))
    for (const Field& fault : faults->items(kMaxFaults))
      device->faults.push_back(read_fault(fault));
  return device;
}

}  // namespace

Devices this_machine() {
  Devices devices;
  devices.push_back(std::make_unique<Device>());
  return devices;
}

Devices read_devices(const std::string& path) {
  return within(path, [&] {
    const Document document = Document::parse(read_text(path), "the list of devices");
    const Field file(document, document.root(), "file");
    check_keys(file, {"devices"});
    Devices devices;
    auto add = [&](std::unique_ptr<Device> device) {
      device->index = static_cast<uint32_t>(devices.size());
      devices.push_back(std::move(device));
    };
    auto host = std::make_unique<Device>();
    for (const Field& field : file["devices"].items(kMaxDevices)) {
      auto device = read_device(field, path);
      const auto is_same = [&](const auto& other) { return other->name == device->name; };
      if (device->name == host->name || std::ranges::any_of(devices, is_same))
        throw Error(field.place() + ": there is a device " + json::printable(device->name) +
                    " already");
      add(std::move(device));
    }
    add(std::move(host));
    return devices;
  });
}

}  // namespace nnapi::host
