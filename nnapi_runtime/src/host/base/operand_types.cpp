#include "host/base/operand_types.h"

#include <atomic>
#include <iterator>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "host/base/size_limit.h"

namespace nnapi::host {
namespace {

struct TypeFacts {
  const char* name;
  uint32_t bytes;
  bool tensor;
  // Quantised types: the zero points allowed; scale must be positive.
  bool quantised = false;
  int32_t min_zero_point = 0, max_zero_point = 0;
};

constexpr TypeFacts kTypes[] = {
    {"FLOAT32", 4, false},
    {"INT32", 4, false},
    {"UINT32", 4, false},
    {"TENSOR_FLOAT32", 4, true},
    {"TENSOR_INT32", 4, true},
    {"TENSOR_QUANT8_ASYMM", 1, true, true, 0, 255},
    {"BOOL", 1, false},
    {"TENSOR_QUANT16_SYMM", 2, true, true, 0, 0},
    {"TENSOR_FLOAT16", 2, true},
    {"TENSOR_BOOL8", 1, true},
    {"FLOAT16", 2, false},
    {"TENSOR_QUANT8_SYMM_PER_CHANNEL", 1, true},
    {"TENSOR_QUANT16_ASYMM", 2, true, true, 0, 65535},
    {"TENSOR_QUANT8_SYMM", 1, true, true, 0, 0},
    {"TENSOR_QUANT8_ASYMM_SIGNED", 1, true, true, -128, 127},
    {"MODEL", 0, false},
};
// A vendor's own types, of which only the vendor knows more.
constexpr TypeFacts kOemScalar{"OEM_SCALAR", 0, false};
constexpr TypeFacts kOemTensor{"TENSOR_OEM_BYTE", 1, true};

struct ExtensionTypes {
  std::shared_mutex mutex;
  std::map<int32_t, std::pair<std::string, TypeFacts>> types;
};

// Never destroyed: models may outlive main.
ExtensionTypes& extension_types() {
  static auto* types = new ExtensionTypes;
  return *types;
}

const TypeFacts* extension_facts_of(int32_t type) {
  std::shared_lock lock(extension_types().mutex);
  const auto found = extension_types().types.find(type);
  return found == extension_types().types.end() ? nullptr : &found->second.second;
}

// Null for an unknown type.
const TypeFacts* facts_of(int32_t type) {
  if (is_extension_type(type)) return extension_facts_of(type);
  if (type == ANEURALNETWORKS_OEM_SCALAR) return &kOemScalar;
  if (type == ANEURALNETWORKS_TENSOR_OEM_BYTE) return &kOemTensor;
  return type >= 0 && static_cast<size_t>(type) < std::size(kTypes) ? &kTypes[type] : nullptr;
}

std::atomic<uint32_t> g_size_limit{UINT32_MAX};

}  // namespace

uint32_t operand_size_limit() { return g_size_limit.load(std::memory_order_relaxed); }
void set_operand_size_limit(uint32_t bytes) { g_size_limit = bytes; }

bool is_extension_type(int32_t type) { return type > UINT16_MAX; }

void add_extension_type(int32_t type, std::string name, bool is_tensor, uint32_t element_bytes) {
  std::unique_lock lock(extension_types().mutex);
  auto& [kept_name, facts] = extension_types().types[type];
  kept_name = std::move(name);
  facts = {kept_name.c_str(), element_bytes, is_tensor};
}

bool is_known_type(int32_t type) { return facts_of(type) != nullptr; }

bool is_tensor_type(int32_t type) {
  const TypeFacts* facts = facts_of(type);
  return facts && facts->tensor;
}

size_t element_size(int32_t type) {
  const TypeFacts* facts = facts_of(type);
  return facts ? facts->bytes : 0;
}

std::string type_name(int32_t type) {
  const TypeFacts* facts = facts_of(type);
  return facts ? facts->name : "type " + std::to_string(type);
}

const char* quantisation_fault(int32_t type, float scale, int32_t zero_point) {
  const TypeFacts& facts = *facts_of(type);
  if (&facts == &kOemScalar || &facts == &kOemTensor) return nullptr;
  if (facts.quantised) {
    if (!(scale > 0.0f) || scale > 3.402823466e38f) return "scale must be positive and finite";
    if (zero_point < facts.min_zero_point || zero_point > facts.max_zero_point)
      return "zero point is out of the type's range";
    return nullptr;
  }
  if (zero_point != 0) return "zero point must be 0";
  // An int32 tensor has a scale where it is the bias of a quantised operation.
  if (type == ANEURALNETWORKS_TENSOR_INT32)
    return scale >= 0.0f && scale <= 3.402823466e38f ? nullptr
                                                     : "scale must not be negative or infinite";
  return scale == 0.0f ? nullptr : "scale must be 0";
}

std::string to_string(const Dimensions& dimensions) {
  std::string text = "[";
  for (size_t i = 0; i < dimensions.size(); ++i)
    text += (i ? ", " : "") + (dimensions[i] ? std::to_string(dimensions[i]) : "?");
  return text + "]";
}

bool is_fully_known(int32_t type, const Dimensions& dimensions) {
  if (!is_tensor_type(type)) return true;
  for (uint32_t d : dimensions)
    if (d == 0) return false;
  return !dimensions.empty();
}

bool byte_size(int32_t type, const Dimensions& dimensions, uint32_t* bytes) {
  // Known dimensions alone must not exceed the limit, whatever the others turn out to be.
  uint64_t size = element_size(type);
  for (uint32_t d : dimensions) {
    if (d != 0) size *= d;
    if (size > operand_size_limit()) return false;
  }
  *bytes = is_fully_known(type, dimensions) ? static_cast<uint32_t>(size) : 0;
  return true;
}

bool combine(const Dimensions& a, const Dimensions& b, Dimensions* both) {
  if (a.empty() || b.empty()) {
    *both = a.empty() ? b : a;
    return true;
  }
  if (a.size() != b.size()) return false;
  Dimensions result(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != 0 && b[i] != 0 && a[i] != b[i]) return false;
    result[i] = a[i] != 0 ? a[i] : b[i];
  }
  *both = std::move(result);
  return true;
}

}  // namespace nnapi::host
