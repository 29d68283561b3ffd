// Values on their way into and out of NNAPI: element type, order of dimensions, quantisation.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "loader/executor.h"
#include "session/manifest/input_output_specs.h"
#include "session/tensor/value.h"

namespace nnapi::session {

// Takes values of one border across, either way.
class Crossing {
 public:
  // Throws ModelError where the manifest and the model words disagree.
  Crossing(const BorderSpec& border, const loader::Border& operand);

  struct Operand {
    loader::ConstArray array;
    std::shared_ptr<const void> owner;
  };

  // In NNAPI's element type, order of dimensions, and without gaps: a copy where need be. Throws
  // ArgumentError for a value that does not fit.
  Operand into(const Value& value) const;
  // What torch has: a view of the operand's memory where that is possible.
  Value out_of(std::shared_ptr<std::byte> operand, std::span<const uint32_t> dims) const;

  const BorderSpec& border() const { return border_; }
  const loader::Border& operand() const { return operand_; }
  // Is an operand, byte for byte, the tensor in some order of dimensions?
  bool same_elements() const { return same_elements_; }
  // And are they in torch's order?
  bool same_bytes() const { return same_elements_ && same_order_; }

 private:
  std::vector<uint32_t> operand_dims(std::span<const int64_t> physical) const;
  std::vector<int64_t> torch_shape(std::span<const uint32_t> dims) const;  // in physical order

  BorderSpec border_;
  loader::Border operand_;
  DType array_dtype_, operand_dtype_;
  // Leading dimensions that the operand has as one: a tensor of rank above 4; and a 0-d tensor is
  // stored as one of shape [1].
  size_t merged_ = 0;
  bool scalar_ = false;
  bool same_elements_ = false;
  bool same_order_ = false;
};

// Throws ArgumentError for a quantised tensor of other parameters; any other value passes.
void check_quantisation(const BorderSpec& border, const Value& value);

}  // namespace nnapi::session
