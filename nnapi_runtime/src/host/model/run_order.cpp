// An order in which a model's operations can run.
#include <functional>
#include <queue>

#include "host/base/error.h"
#include "host/model/validation.h"

namespace nnapi::host {

// Operations may be given in any order; they run in the given one as far as their inputs allow.
Status find_run_order(const Model& model, std::vector<uint32_t>* order) {
  const auto& operands = model.operands();
  const auto& operations = model.operations();
  constexpr uint32_t kNobody = UINT32_MAX;
  std::vector<uint32_t> writer(operands.size(), kNobody);
  for (uint32_t number = 0; number < operations.size(); ++number)
    for (uint32_t index : operations[number].outputs) {
      if (writer[index] != kNobody)
        return refuse(operations[number], number,
                      "output operand %u is written by operation %u too", index, writer[index]);
      writer[index] = number;
    }

  std::vector<uint32_t> missing(operations.size(), 0);  // inputs not written yet
  std::vector<std::vector<uint32_t>> readers(operations.size());
  for (uint32_t number = 0; number < operations.size(); ++number)
    for (uint32_t index : operations[number].inputs) {
      const Lifetime lifetime = operands[index].lifetime;
      if (lifetime != Lifetime::kTemporary && lifetime != Lifetime::kOutput) continue;
      if (writer[index] == kNobody)
        return refuse(operations[number], number, "input operand %u is never written", index);
      readers[writer[index]].push_back(number);
      ++missing[number];
    }
  for (uint32_t i = 0; i < operands.size(); ++i)
    if (writer[i] == kNobody &&
        (operands[i].lifetime == Lifetime::kTemporary || operands[i].lifetime == Lifetime::kOutput))
      return refuse_operand(model, i, "is never written");

  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> ready;
  for (uint32_t number = 0; number < operations.size(); ++number)
    if (missing[number] == 0) ready.push(number);
  order->clear();
  while (!ready.empty()) {
    const uint32_t number = ready.top();
    ready.pop();
    order->push_back(number);
    for (uint32_t reader : readers[number])
      if (--missing[reader] == 0) ready.push(reader);
  }
  for (uint32_t number = 0; number < operations.size(); ++number)
    if (missing[number] != 0)
      return refuse(operations[number], number, "is part of a cycle, or waits for one");
  return kOk;
}

}  // namespace nnapi::host
