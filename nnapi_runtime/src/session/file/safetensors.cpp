#include "session/file/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "session/limits.h"
#include "session/tensor/shape_text.h"

namespace nnapi::session {
namespace {

using loader::ModelError;

struct Named {
  const char* name;
  DType dtype;
};

constexpr std::array kDtypes = {
    Named{"BOOL", DType::kBool},   Named{"U8", DType::kUint8},   Named{"I8", DType::kInt8},
    Named{"U16", DType::kUint16},  Named{"I16", DType::kInt16},  Named{"F16", DType::kFloat16},
    Named{"BF16", DType::kUint16}, Named{"U32", DType::kUint32}, Named{"I32", DType::kInt32},
    Named{"F32", DType::kFloat32}, Named{"U64", DType::kUint64}, Named{"I64", DType::kInt64},
    Named{"F64", DType::kFloat64},
};

StoredTensor read_tensor(const Field& entry, std::span<const std::byte> body) {
  const Field dtype = entry["dtype"];
  const auto known = std::find_if(kDtypes.begin(), kDtypes.end(),
                                  [&](const Named& one) { return dtype.view() == one.name; });
  if (known == kDtypes.end()) throw dtype.refuse("a safetensors dtype");
  StoredTensor tensor{known->dtype, {}, {}};
  size_t size = element_of(known->dtype).size;
  bool fits = true;
  for (const Field& dim : entry["shape"].items(limits::kRank)) {
    tensor.shape.push_back(dim.integer(0, INT64_MAX));
    fits = !__builtin_mul_overflow(size, static_cast<size_t>(tensor.shape.back()), &size) && fits;
  }
  // No dimensions make up for one of 0.
  if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end()) {
    fits = true;
    size = 0;
  }
  const Field place = entry["data_offsets"];
  std::vector<size_t> offsets;
  for (const Field& offset : place.items(2)) {
    offsets.push_back(static_cast<size_t>(offset.integer(0, static_cast<int64_t>(body.size()))));
  }
  if (!fits || offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] - offsets[0] != size) {
    throw place.refuse("the " + (fits ? std::to_string(size) + " bytes" : "bytes") + " of shape [" +
                       joined(tensor.shape, "") + "]");
  }
  tensor.bytes = body.subspan(offsets[0], size);
  return tensor;
}

// One after another, without gaps.
void check_places(const Safetensors& read, std::span<const std::byte> body) {
  std::vector<std::pair<size_t, size_t>> spans;
  for (const auto& [name, tensor] : read.tensors) {
    const auto start = static_cast<size_t>(tensor.bytes.data() - body.data());
    spans.emplace_back(start, start + tensor.bytes.size());
  }
  std::sort(spans.begin(), spans.end());
  size_t end = 0;
  for (const auto& [start, stop] : spans) {
    if (start != end) {
      throw ModelError("the tensors leave a gap or overlap at byte " + std::to_string(start) +
                       " of the data");
    }
    end = stop;
  }
  if (end != body.size()) {
    throw ModelError("the tensors take " + std::to_string(end) + " bytes of data; there are " +
                     std::to_string(body.size()));
  }
}

}  // namespace

Safetensors Safetensors::read(std::span<const std::byte> file) {
  uint64_t size = 0;
  std::memcpy(&size, file.data(), std::min<size_t>(8, file.size()));
  if (file.size() < 8 || size > std::min(file.size() - 8, limits::kHeaderBytes)) {
    throw ModelError("is no .nnapi file, or was cut off: its " + std::to_string(file.size()) +
                     " bytes announce a header of " + std::to_string(size) + " (the limit is " +
                     std::to_string(limits::kHeaderBytes) + ")");
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + 8, size);
  const std::span<const std::byte> body = file.subspan(8 + size);
  const Document document = Document::parse(text, "the header");
  const Field header(document, document.root(), "header");
  Safetensors read;
  for (const auto& [key, item] : header["__metadata__"].members()) {
    read.metadata.emplace(key, item.text());
  }
  for (const auto& [name, entry] : header.members()) {
    if (name != "__metadata__") read.tensors.emplace(name, read_tensor(entry, body));
  }
  check_places(read, body);
  return read;
}

}  // namespace nnapi::session
