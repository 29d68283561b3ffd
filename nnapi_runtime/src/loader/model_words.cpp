#include "loader/model_words.h"

#include <cstring>
#include <string>

#include "loader/element.h"
#include "loader/error.h"

namespace nnapi::loader {
namespace {

constexpr uint32_t kCountLimit = 1u << 24;

enum Source : int32_t { kImmediate = 0, kNumberedBuffer = 2, kOmitted = 4, kSubmodel = 5 };

// As they stand in the words.
struct OperandWords {
  int32_t type;
  uint32_t rank;
  float scale;
  int32_t zero_point;
};
struct ValueWords {
  uint32_t operand;
  int32_t source;
  uint32_t length;
};
struct OperationWords {
  int32_t code;
  uint32_t n_inputs;
  uint32_t n_outputs;
};
struct BufferWords {
  uint32_t buffer;
  uint32_t offset;
  uint32_t length;
};
struct ChannelQuantWords {
  uint32_t operand;
  uint32_t channel_dim;
  uint32_t count;
};

std::string text(uint64_t number) { return std::to_string(number); }

// Walks over the words from the start to the end.
class Words {
 public:
  explicit Words(std::span<const std::byte> bytes) : rest_(bytes), size_(bytes.size()) {}

  // The next `count` elements, which are `what`.
  template <class T>
  std::span<const T> take(uint64_t count, const char* what) {
    static_assert(alignof(T) <= 4);
    const uint64_t position = size_ - rest_.size();
    if (count > rest_.size() / sizeof(T)) {
      throw ModelError("model words end at byte " + text(size_) + ", within " + what + ": " +
                       text(count) + " times " + text(sizeof(T)) + " bytes from byte " +
                       text(position));
    }
    const auto* first = reinterpret_cast<const T*>(rest_.data());
    rest_ = rest_.subspan(count * sizeof(T));
    return {first, static_cast<size_t>(count)};
  }

  template <class T>
  const T& take(const char* what) {
    return take<T>(1, what).front();
  }

  // `length` bytes and the padding after them.
  std::span<const std::byte> take_padded(uint32_t length, const char* what) {
    return take<std::byte>((uint64_t{length} + 3) / 4 * 4, what).first(length);
  }

 private:
  std::span<const std::byte> rest_;
  uint64_t size_;
};

uint32_t take_count(Words& words, const char* what) {
  const uint32_t count = words.take<uint32_t>(what);
  if (count >= kCountLimit) {
    throw ModelError("model words announce " + text(count) + " as " + what +
                     "; the limit is 2^24 - 1");
  }
  return count;
}

class ModelReader {
 public:
  ModelReader(Words& words, std::span<const std::span<const std::byte>> buffers, uint32_t number,
              uint32_t n_models)
      : words_(words), buffers_(buffers), number_(number), n_models_(n_models) {}

  // `extended`: as in version 2.
  Model read(bool extended) {
    const uint32_t n_operands = take_count(words_, "the number of operands");
    const uint32_t n_values = take_count(words_, "the number of values");
    const uint32_t n_operations = take_count(words_, "the number of operations");
    const uint32_t n_inputs = take_count(words_, "the number of inputs");
    const uint32_t n_outputs = take_count(words_, "the number of outputs");
    const uint32_t n_quants = extended ? take_count(words_, "the number of channel quants") : 0;

    const auto operands = words_.take<OperandWords>(n_operands, "the operands");
    const auto values = words_.take<ValueWords>(n_values, "the values");
    const auto operations = words_.take<OperationWords>(n_operations, "the operations");

    model_.operands.reserve(n_operands);
    for (const OperandWords& o : operands) {
      model_.operands.push_back(
          {o.type, o.scale, o.zero_point, words_.take<uint32_t>(o.rank, "the dimensions")});
    }
    has_value_.resize(n_operands);
    for (const ValueWords& value : values) read_value(value, extended);
    model_.operations.reserve(n_operations);
    for (const OperationWords& o : operations) {
      const auto inputs = take_operands(o.n_inputs, "an operation's inputs");
      model_.operations.push_back(
          {o.code, inputs, take_operands(o.n_outputs, "an operation's outputs")});
    }
    model_.inputs = take_operands(n_inputs, "the model's inputs");
    model_.outputs = take_operands(n_outputs, "the model's outputs");
    for (uint32_t i = 0; i < n_quants; ++i) {
      const auto& head = words_.take<ChannelQuantWords>("the channel quants");
      check_operand(head.operand, "the channel quants");
      model_.channel_quants.push_back(
          {head.operand, head.channel_dim, words_.take<float>(head.count, "the channel scales")});
    }
    return std::move(model_);
  }

 private:
  std::string here() const { return number_ == 0 ? "" : " of submodel " + text(number_); }

  void check_operand(uint32_t operand, const char* what) const {
    if (operand >= model_.operands.size()) {
      throw ModelError("operand " + text(operand) + here() + " is named by " + what +
                       "; there are " + text(model_.operands.size()));
    }
  }

  std::span<const uint32_t> take_operands(uint32_t count, const char* what) {
    const auto operands = words_.take<uint32_t>(count, what);
    for (uint32_t operand : operands) check_operand(operand, what);
    return operands;
  }

  void read_value(const ValueWords& value, bool extended) {
    check_operand(value.operand, "the values");
    const std::string which = "the value of operand " + text(value.operand) + here();
    if (has_value_[value.operand]) throw ModelError(which + " is given twice");
    has_value_[value.operand] = true;
    const auto content = words_.take_padded(value.length, "the value data");
    const auto expect_length = [&](uint32_t length) {
      if (value.length != length) {
        throw ModelError(which + ": data of " + text(value.length) + " bytes; its source (" +
                         std::to_string(value.source) + ") has " + text(length));
      }
    };
    if (value.source == kImmediate) {
      model_.values.push_back({value.operand, content.data(), content.size()});
    } else if (value.source == kNumberedBuffer) {
      expect_length(sizeof(BufferWords));
      const auto bytes = read_buffer(*reinterpret_cast<const BufferWords*>(content.data()), which);
      model_.values.push_back({value.operand, bytes.data(), bytes.size()});
      check_alignment(model_.values.back(), which);
    } else if (value.source == kOmitted && extended) {
      expect_length(0);
      model_.values.push_back({value.operand, nullptr, 0});
    } else if (value.source == kSubmodel && extended) {
      expect_length(4);
      const uint32_t model = *reinterpret_cast<const uint32_t*>(content.data());
      if (model <= number_ || model >= n_models_) {
        throw ModelError(which + " is model " + text(model) + "; it must come after model " +
                         text(number_) + ", and there are " + text(n_models_));
      }
      model_.submodels.push_back({value.operand, model});
    } else {
      throw ModelError(which + " has the unknown source " + std::to_string(value.source));
    }
  }

  std::span<const std::byte> read_buffer(const BufferWords& at, const std::string& which) const {
    if (at.buffer >= buffers_.size()) {
      throw ModelError(which + " is in weight " + text(at.buffer) + "; there are " +
                       text(buffers_.size()));
    }
    const auto buffer = buffers_[at.buffer];
    if (at.length == 0 || at.offset > buffer.size() || at.length > buffer.size() - at.offset) {
      throw ModelError(which + " takes " + text(at.length) + " bytes from byte " + text(at.offset) +
                       " of weight " + text(at.buffer) + ", which has " + text(buffer.size()));
    }
    return buffer.subspan(at.offset, at.length);
  }

  // Kernels read elements in place, so they must stand where elements may.
  void check_alignment(const Value& value, const std::string& which) const {
    const Element element = element_of(model_.operands[value.operand].type);
    if (element.size > 1 && reinterpret_cast<uintptr_t>(value.data) % element.size != 0) {
      throw ModelError(which + " does not start at a multiple of its " + text(element.size) +
                       "-byte elements");
    }
  }

  Words& words_;
  std::span<const std::span<const std::byte>> buffers_;
  uint32_t number_;
  uint32_t n_models_;
  Model model_;
  std::vector<bool> has_value_;
};

}  // namespace

std::vector<Model> read_words(std::span<const std::byte> bytes,
                              std::span<const std::span<const std::byte>> buffers) {
  Words words(bytes);
  const int32_t version = words.take<int32_t>("the version");
  if (version != 1 && version != 2) {
    throw ModelError("model words of version " + std::to_string(version) +
                     "; versions 1 and 2 can be read");
  }
  const uint32_t n_models = version == 2 ? take_count(words, "the number of models") : 1;
  if (n_models == 0) throw ModelError("model words announce no model");
  std::vector<Model> models;
  for (uint32_t number = 0; number < n_models; ++number) {
    models.push_back(ModelReader(words, buffers, number, n_models).read(version == 2));
  }
  return models;
}

}  // namespace nnapi::loader
