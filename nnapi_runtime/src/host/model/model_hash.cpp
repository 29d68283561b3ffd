#include "host/model/model_hash.h"

#include <map>

#include "host/base/hash.h"
#include "host/model/model.h"

namespace nnapi::host {
namespace {

// Models may be shared by many others: each is hashed once.
using Known = std::map<const Model*, uint64_t>;

// An extension's codes are of one process, its names of all.
void add_code(int32_t code, const std::string& name, Hash& hash) {
  if (is_extension_type(code))
    hash.add(name.data(), name.size());
  else
    hash.add_value(code);
}

uint64_t hash_once(const Model& model, Known& known) {
  if (auto found = known.find(&model); found != known.end()) return found->second;
  Hash hash;
  hash.add_value(model.relaxed());
  for (size_t i = 0; i < model.operands().size(); ++i) {
    const Operand& operand = model.operands()[i];
    add_code(operand.type, type_name(operand.type), hash);
    hash.add_list(operand.extension_data);
    hash.add_list(operand.dimensions);
    hash.add(&operand.scale, sizeof operand.scale);
    hash.add_value(operand.zero_point);
    hash.add_value(operand.channel_dim);
    hash.add_list(operand.channel_scales);
    hash.add_value(static_cast<int>(operand.lifetime));
    uint32_t bytes = 0;
    if (operand.lifetime == Lifetime::kConstant &&
        byte_size(operand.type, operand.dimensions, &bytes))
      hash.add(operand.value, bytes);
    if (operand.lifetime == Lifetime::kModel) hash.add_value(hash_once(*operand.model, known));
  }
  for (const OperationNode& operation : model.operations()) {
    add_code(operation.entry->code, operation.entry->name, hash);
    hash.add_list(operation.inputs);
    hash.add_list(operation.outputs);
  }
  hash.add_list(model.inputs());
  hash.add_list(model.outputs());
  return known[&model] = hash.value();
}

}  // namespace

uint64_t model_hash(const Model& model) {
  Known known;
  return hash_once(model, known);
}

}  // namespace nnapi::host
