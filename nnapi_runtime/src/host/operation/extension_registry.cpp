#include "host/operation/extension_registry.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "host/base/error.h"
#include "host/base/operand_types.h"
#include "host/operation/extension_node.h"

namespace nnapi::host {
namespace {

// Above 15 bits, a code would be negative.
constexpr size_t kMostExtensions = 0x7fff;

// An operation, and what the opset and the runtime want of it.
struct Registered {
  std::string name;
  ExtensionFunctions functions;
  Operation operation;
  OpsetEntry entry;
};

struct Registry {
  std::shared_mutex mutex;
  std::vector<std::string> names;
  std::map<int32_t, std::unique_ptr<Registered>> operations;
};

// Never destroyed: models may outlive main.
Registry& registry() {
  static auto* registry = new Registry;
  return *registry;
}

Status refuse_extension(const nnapi_host_extension& extension, const std::string& why) {
  return fail(ANEURALNETWORKS_BAD_DATA, "register_extension: %s: %s", extension.name, why.c_str());
}

Status missing(const nnapi_host_extension& extension, const char* what) {
  return fail(ANEURALNETWORKS_UNEXPECTED_NULL, "register_extension: %s: %s is null", extension.name,
              what);
}

// Android's rule: lower case words between dots.
bool is_name(const char* name) {
  const std::string_view text = name;
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

Status check(const nnapi_host_extension& extension) {
  if (!is_name(extension.name))
    return refuse_extension(extension,
                            "a name is of lower case letters, digits, _ and dots between them");
  std::set<uint16_t> codes;
  for (uint32_t i = 0; i < extension.operand_type_count; ++i) {
    const nnapi_host_extension_operand_type& type = extension.operand_types[i];
    if (type.name == nullptr) return missing(extension, "the name of an operand type");
    if (type.element_bytes == 0)
      return refuse_extension(extension, std::string(type.name) + " has elements of no bytes");
    if (!codes.insert(type.code).second)
      return refuse_extension(extension, "two operand types of code " + std::to_string(type.code));
  }
  codes.clear();
  for (uint32_t i = 0; i < extension.operation_count; ++i) {
    const nnapi_host_extension_operation& operation = extension.operations[i];
    if (operation.name == nullptr || operation.infer == nullptr || operation.run == nullptr)
      return missing(extension, "name, infer or run of an operation");
    if ((operation.prepare == nullptr) != (operation.release == nullptr))
      return refuse_extension(
          extension, std::string(operation.name) + " has one of prepare and release, not both");
    if (!codes.insert(operation.code).second)
      return refuse_extension(extension,
                              "two operations of code " + std::to_string(operation.code));
  }
  return kOk;
}

std::unique_ptr<Registered> registered(const nnapi_host_extension& extension,
                                       const nnapi_host_extension_operation& operation,
                                       int32_t code) {
  auto made = std::make_unique<Registered>();
  made->name = std::string(extension.name) + "." + operation.name;
  made->functions = {operation, extension.user_data};
  made->operation = extension_operation(code, made->name.c_str(), made->functions);
  made->entry = {code, made->name.c_str(), 0, 0, UINT32_MAX, 0, {}, {}, {}, &made->operation};
  return made;
}

}  // namespace

Status register_extension(const nnapi_host_extension& extension) {
  if (Status status = check(extension)) return status;
  std::unique_lock lock(registry().mutex);
  auto& [mutex, names, operations] = registry();
  if (std::ranges::find(names, extension.name) != names.end())
    return refuse_extension(extension, "an extension of this name is registered already");
  if (names.size() == kMostExtensions)
    return refuse_extension(extension, "there are " + std::to_string(kMostExtensions) + " already");
  const auto base = static_cast<int32_t>((names.size() + 1) << kExtensionShift);
  for (uint32_t i = 0; i < extension.operand_type_count; ++i) {
    const nnapi_host_extension_operand_type& type = extension.operand_types[i];
    add_extension_type(base + type.code, std::string(extension.name) + "." + type.name,
                       type.is_tensor, type.element_bytes);
  }
  for (uint32_t i = 0; i < extension.operation_count; ++i) {
    const int32_t code = base + extension.operations[i].code;
    operations[code] = registered(extension, extension.operations[i], code);
  }
  names.emplace_back(extension.name);
  return kOk;
}

int32_t extension_code(const char* name, uint16_t code) {
  std::shared_lock lock(registry().mutex);
  const auto& names = registry().names;
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return 0;
  return static_cast<int32_t>((found - names.begin() + 1) << kExtensionShift) + code;
}

const OpsetEntry* find_extension_operation(int32_t code) {
  std::shared_lock lock(registry().mutex);
  const auto& operations = registry().operations;
  const auto found = operations.find(code);
  return found == operations.end() ? nullptr : &found->second->entry;
}

}  // namespace nnapi::host
