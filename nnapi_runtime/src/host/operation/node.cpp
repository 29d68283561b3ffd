#include "host/operation/node.h"

#include <cstdio>

#include "host/base/float16.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {

float Node::real(uint32_t i, float fallback) const {
  if (!has(i) || inputs_[i]->data == nullptr) return fallback;
  const Tensor& tensor = in(i);
  const bool half =
      tensor.type == ANEURALNETWORKS_FLOAT16 || tensor.type == ANEURALNETWORKS_TENSOR_FLOAT16;
  return half ? to_float(*tensor.as<Float16>()) : *tensor.as<float>();
}

Status Node::fail(Status code, const char* text, ...) const {
  va_list arguments;
  va_start(arguments, text);
  std::vsnprintf(message_, kMessageBytes, text, arguments);
  va_end(arguments);
  return code;
}

Status Node::bad(const char* text, ...) const {
  va_list arguments;
  va_start(arguments, text);
  std::vsnprintf(message_, kMessageBytes, text, arguments);
  va_end(arguments);
  return ANEURALNETWORKS_BAD_DATA;
}

Status Node::later() const { return kLater; }

void NodeBuilder::bind(Node& node, uint32_t num_inputs, const Tensor* const* inputs,
                       const bool* omitted, uint32_t num_outputs, Tensor* const* outputs,
                       char* message) {
  node.num_inputs_ = num_inputs;
  node.inputs_ = inputs;
  node.omitted_ = omitted;
  node.num_outputs_ = num_outputs;
  node.outputs_ = outputs;
  node.message_ = message;
  node.pool_ = &ThreadPool::instance();
}

}  // namespace nnapi::host
