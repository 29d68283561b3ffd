// What can be said about the shapes of a model's operands without running it.
#pragma once

#include <string>
#include <vector>

#include "host/operation/operation.h"

namespace nnapi::host {

class Model;
class Node;
struct Operand;
struct OperationNode;

struct InferredShapes {
  // By operand: type, quantisation, constant data, and the shape where `known`.
  std::vector<Tensor> tensors;
  std::vector<bool> known;
  // By operation: are the shapes of its outputs certain before it runs, and is nothing that they
  // depend on computed at run time?
  std::vector<bool> fixed;
};

// Runs infer for every operation whose input shapes are known. Where one fails, or contradicts the
// declared dimensions of an output, a strict model is refused; of others, the operation fails when
// it runs.
Status infer_shapes(const Model& model, InferredShapes* shapes);

// Sets operation `number`'s output shapes by its infer, and checks them against what is declared.
// Returns kOk, kLater or a refusal, whose text is in `message`.
Status infer_operation(const Model& model, const OperationNode& operation, Node& node,
                       std::string* message);

// Does a shape found at run time agree with the operand's declared dimensions and NNAPI's limit on
// the size of an operand? If not, says why in `message`.
bool agrees(const Operand& operand, const Shape& shape, std::string* message);

std::string to_string(const Shape& shape);

}  // namespace nnapi::host
