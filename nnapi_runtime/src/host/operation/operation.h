// The contract between the runtime and one NNAPI operation: three functions and one register line.
//
//   infer    checks what the opset table cannot say (shapes against each other, scales, values) and
//            sets the shape of every output. Runs when the model is finished if all input shapes
//            are known, and again whenever shapes become known later.
//   prepare  optional; once per compilation (or per new set of shapes): packs constant weights,
//            precomputes tables, asks for scratch memory. May allocate.
//   run      computes. Never allocates, never locks, never fails on anything that infer can see.
//
// All three see the operation through Node. Operand positions are named by an enum in the family's
// file.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <memory>

#include "host/base/status.h"
#include "host/tensor/tensor.h"

namespace nnapi::host {

class RowProducer;
class ThreadPool;
struct ExtensionFunctions;

// What prepare leaves for run. `scratch_bytes` of 64-byte aligned memory are in Node::scratch() in
// every run.
struct Prepared {
  virtual ~Prepared() = default;
  // What computes the output row by row, as run does; null where nothing does.
  virtual const RowProducer* row_producer() const { return nullptr; }
  size_t scratch_bytes = 0;
};

class Node {
 public:
  // ---- operands, by position
  uint32_t num_inputs() const { return num_inputs_; }
  uint32_t num_outputs() const { return num_outputs_; }
  // Is input i given at all: neither beyond the last one nor omitted?
  bool has(uint32_t i) const { return i < num_inputs_ && !omitted_[i]; }
  bool has_output(uint32_t i) const { return i < num_outputs_; }
  const Tensor& in(uint32_t i) const { return *inputs_[i]; }
  Tensor& out(uint32_t i) const { return *outputs_[i]; }

  // Is the value of input i known now? In infer and prepare only constants (and, when shapes depend
  // on data, values already computed) are; in run all are.
  bool known(uint32_t i) const {
    return has(i) && (inputs_[i]->data != nullptr || in(i).count() == 0);
  }
  // Value of a scalar input, or `fallback` where it is not given. Scalars of type FLOAT16 are read
  // by real(), which takes any float type.
  template <class T>
  T scalar(uint32_t i, T fallback = T{}) const {
    return has(i) && inputs_[i]->data ? *inputs_[i]->as<T>() : fallback;
  }
  bool flag(uint32_t i, bool fallback = false) const { return scalar<uint8_t>(i, fallback) != 0; }
  float real(uint32_t i, float fallback = 0.0f) const;

  // ---- failing
  // Records why (printf style; the runtime adds operation index and name), and returns `code`.
  [[gnu::format(printf, 3, 4)]] Status fail(Status code, const char* format, ...) const;
  // Shorthand for ANEURALNETWORKS_BAD_DATA.
  [[gnu::format(printf, 2, 3)]] Status bad(const char* format, ...) const;
  // The output shape depends on a value that is not known yet: infer is called again when it is.
  Status later() const;
  // Was a reason recorded?
  bool has_message() const { return message_[0] != '\0'; }

  // ---- while running
  void* scratch() const { return scratch_; }
  ThreadPool& pool() const { return *pool_; }
  // May float32 be computed with the range and precision of float16?
  bool relaxed() const { return relaxed_; }

  // Of an operation of a vendor's extension: what computes it. Null for all others.
  const ExtensionFunctions* extension() const { return extension_; }

 private:
  friend class NodeBuilder;  // operation/node.h: the runtime's side
  uint32_t num_inputs_ = 0, num_outputs_ = 0;
  const Tensor* const* inputs_ = nullptr;
  Tensor* const* outputs_ = nullptr;
  const bool* omitted_ = nullptr;
  void* scratch_ = nullptr;
  ThreadPool* pool_ = nullptr;
  bool relaxed_ = false;
  const ExtensionFunctions* extension_ = nullptr;
  char* message_ = nullptr;  // buffer of the runtime's, kMessageBytes long
};

constexpr size_t kMessageBytes = 512;

struct Operation {
  int32_t code;
  const char* name;
  Status (*infer)(const Node&) = nullptr;
  std::unique_ptr<Prepared> (*prepare)(const Node&) = nullptr;  // may return null
  Status (*run)(const Node&, const Prepared*) = nullptr;
  // The first dimension that infer gives its outputs is only an upper bound; run writes the true
  // shape into out(i).shape (BOX_WITH_NMS_LIMIT and its like).
  bool bounded_outputs = false;
  // All that run does is one call of map_elements.h, with what it knows from shapes, constant
  // scalars and `prepared`, on inputs 0 and 1. (Not so with an input that has scales by channel.)
  bool elementwise = false;
  // The outputs, one after the other, have the elements of input 0 in the same order (SPLIT: where
  // it cuts the first dimension that is not 1). Run does nothing where they lie in the same place.
  bool only_reshapes = false;
  const ExtensionFunctions* extension = nullptr;  // extension_node.h
};

// One line at the end of an operation's file:
//   NNAPI_OPERATION(RELU, .infer = infer, .run = run);
// The name must be one of the opset: the generated table refers to nnapi::host::operation_NAME.
#define NNAPI_OPERATION(NAME, ...)                             \
  extern const ::nnapi::host::Operation operation_##NAME;      \
  const ::nnapi::host::Operation operation_##NAME {            \
    .code = ANEURALNETWORKS_##NAME, .name = #NAME, __VA_ARGS__ \
  }

}  // namespace nnapi::host
