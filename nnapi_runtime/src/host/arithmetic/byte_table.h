// A function of one 8-bit quantised value as the table of its 256 results.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "host/arithmetic/byte_lookup.h"
#include "host/arithmetic/map_elements.h"
#include "host/arithmetic/quantization.h"
#include "host/operation/operation.h"

namespace nnapi::host {

// From the stored byte of the input to the stored byte of the output.
using ByteTable = std::array<uint8_t, 256>;

// f takes and returns real values, as double.
template <class F>
ByteTable byte_table(const Tensor& in, const Tensor& out, F f) {
  const bool is_signed = in.type == ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED;
  ByteTable table;
  for (int32_t byte = 0; byte < 256; ++byte) {
    const int32_t stored = is_signed ? static_cast<int8_t>(byte) : byte;
    const double real = f(static_cast<double>(stored - in.zero_point) * in.scale);
    table[byte] = is_signed
                      ? static_cast<uint8_t>(Quantizer<int8_t>(out.zero_point)(real / out.scale))
                      : Quantizer<uint8_t>(out.zero_point)(real / out.scale);
  }
  return table;
}

// Of a unary operation.
struct PreparedTable : Prepared {
  ByteTable table;
};

// For prepare: the table of f if the operation is quantised, nothing otherwise.
template <class F>
std::unique_ptr<Prepared> prepare_table(const Node& node, F f) {
  if (!is_quant8(node.in(0).type)) return nullptr;
  auto prepared = std::make_unique<PreparedTable>();
  prepared->table = byte_table(node.in(0), node.out(0), f);
  return prepared;
}

// Two inputs in the quantisation of the output.
struct RequantizedInputs : Prepared {
  ByteTable a, b;
};

// For prepare: nothing if the operation is not quantised, or both inputs are as the output already.
inline std::unique_ptr<Prepared> prepare_requantized(const Tensor& a, const Tensor& b,
                                                     const Tensor& out) {
  if (!is_quant8(out.type) || (same_quantization(a, out) && same_quantization(b, out)))
    return nullptr;
  const auto same_value = [](double real) { return real; };
  auto prepared = std::make_unique<RequantizedInputs>();
  prepared->a = byte_table(a, out, same_value);
  prepared->b = byte_table(b, out, same_value);
  return prepared;
}

// For run, with what prepare_table made.
inline void map_table(const Node& node, const Prepared* prepared) {
  const uint8_t* const table = static_cast<const PreparedTable*>(prepared)->table.data();
  const StretchLoop look_up = [](const void* f, const void* in, const void*, void* out, int64_t n) {
    look_up_bytes(*static_cast<const uint8_t* const*>(f), static_cast<const uint8_t*>(in),
                  static_cast<uint8_t*>(out), n);
  };
  map_stretches(node, look_up, node.out(0).count(), node.in(0).as<uint8_t>(),
                node.out(0).as<uint8_t>(), table, kElementGrain);
}

}  // namespace nnapi::host
