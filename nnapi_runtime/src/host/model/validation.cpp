#include "host/model/validation.h"

namespace nnapi::host {

Status refuse_operand(const Model& model, uint32_t index, const char* why) {
  return fail(ANEURALNETWORKS_BAD_DATA, "operand %u (%s): %s", index,
              model.operands()[index].describe().c_str(), why);
}

Status validate(const Model& model, std::vector<uint32_t>* run_order) {
  if (model.operations().empty())
    return fail(ANEURALNETWORKS_BAD_DATA, "Model_finish: the model has no operations");
  if (Status status = check_lifetimes(model)) return status;
  return find_run_order(model, run_order);
}

}  // namespace nnapi::host
