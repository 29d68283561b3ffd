// addOperation: how many operands of which types each operation takes.
#include <cstring>
#include <string>

#include "objects.h"

namespace contract {
namespace {

// Operands by letter: T tensor of the row's type, W weights, i/f/b an int32, float32 or bool
// scalar, I an int32 tensor, B a bool tensor, Q a tensor of unsigned bytes. After '|' come the
// outputs. A list may end before each '['.
struct OperationRow {
  int32_t code;
  const char* operands;
};

constexpr OperationRow kRows[] = {
    {ANEURALNETWORKS_ADD, "TTi|T"},
    {ANEURALNETWORKS_SUB, "TTi|T"},
    {ANEURALNETWORKS_DIV, "TTi|T"},
    {ANEURALNETWORKS_MUL, "TTi|T"},
    {ANEURALNETWORKS_MAXIMUM, "TT|T"},
    {ANEURALNETWORKS_MINIMUM, "TT|T"},
    {ANEURALNETWORKS_POW, "TT|T"},
    {ANEURALNETWORKS_PRELU, "TT|T"},
    {ANEURALNETWORKS_EQUAL, "TT|B"},
    {ANEURALNETWORKS_GREATER, "TT|B"},
    {ANEURALNETWORKS_LESS_EQUAL, "TT|B"},
    {ANEURALNETWORKS_SELECT, "BTT|T"},
    {ANEURALNETWORKS_RELU, "T|T"},
    {ANEURALNETWORKS_RELU1, "T|T"},
    {ANEURALNETWORKS_RELU6, "T|T"},
    {ANEURALNETWORKS_LOGISTIC, "T|T"},
    {ANEURALNETWORKS_TANH, "T|T"},
    {ANEURALNETWORKS_FLOOR, "T|T"},
    {ANEURALNETWORKS_ABS, "T|T"},
    {ANEURALNETWORKS_EXP, "T|T"},
    {ANEURALNETWORKS_LOG, "T|T"},
    {ANEURALNETWORKS_NEG, "T|T"},
    {ANEURALNETWORKS_RSQRT, "T|T"},
    {ANEURALNETWORKS_SIN, "T|T"},
    {ANEURALNETWORKS_SQRT, "T|T"},
    {ANEURALNETWORKS_HARD_SWISH, "T|T"},
    {ANEURALNETWORKS_ELU, "Tf|T"},
    {ANEURALNETWORKS_SOFTMAX, "Tf[i|T"},
    {ANEURALNETWORKS_LOG_SOFTMAX, "Tfi|T"},
    {ANEURALNETWORKS_L2_NORMALIZATION, "T[i|T"},
    {ANEURALNETWORKS_LOCAL_RESPONSE_NORMALIZATION, "Tifff[i|T"},
    {ANEURALNETWORKS_INSTANCE_NORMALIZATION, "Tfffb|T"},
    {ANEURALNETWORKS_CONV_2D, "TTTiiiiiii[b[ii|T"},
    {ANEURALNETWORKS_CONV_2D, "TTTiiii[b[ii|T"},
    {ANEURALNETWORKS_DEPTHWISE_CONV_2D, "TTTiiiiiiii[b[ii|T"},
    {ANEURALNETWORKS_DEPTHWISE_CONV_2D, "TTTiiiii[b[ii|T"},
    {ANEURALNETWORKS_GROUPED_CONV_2D, "TTTiiiiiiiib|T"},
    {ANEURALNETWORKS_TRANSPOSE_CONV_2D, "TTTiiiiiiib|T"},
    {ANEURALNETWORKS_FULLY_CONNECTED, "TTTi|T"},
    {ANEURALNETWORKS_BATCH_MATMUL, "TTbb|T"},
    {ANEURALNETWORKS_AVERAGE_POOL_2D, "Tiiiiiiiii[b|T"},
    {ANEURALNETWORKS_MAX_POOL_2D, "Tiiiiii[b|T"},
    {ANEURALNETWORKS_RESIZE_BILINEAR, "Tii[b[b[b|T"},
    {ANEURALNETWORKS_RESIZE_NEAREST_NEIGHBOR, "Tiib[b[b|T"},
    {ANEURALNETWORKS_DEPTH_TO_SPACE, "Ti[b|T"},
    {ANEURALNETWORKS_SPACE_TO_DEPTH, "Ti[b|T"},
    {ANEURALNETWORKS_BATCH_TO_SPACE_ND, "TI[b|T"},
    {ANEURALNETWORKS_SPACE_TO_BATCH_ND, "TII[b|T"},
    {ANEURALNETWORKS_RESHAPE, "TI|T"},
    {ANEURALNETWORKS_SQUEEZE, "TI|T"},
    {ANEURALNETWORKS_TRANSPOSE, "TI|T"},
    {ANEURALNETWORKS_EXPAND_DIMS, "Ti|T"},
    {ANEURALNETWORKS_PAD, "TI|T"},
    {ANEURALNETWORKS_PAD_V2, "TIf|T"},
    {ANEURALNETWORKS_MIRROR_PAD, "TIi|T"},
    {ANEURALNETWORKS_TILE, "TI|T"},
    {ANEURALNETWORKS_SLICE, "TII|T"},
    {ANEURALNETWORKS_STRIDED_SLICE, "TIIIiii|T"},
    {ANEURALNETWORKS_REVERSE, "TI|T"},
    {ANEURALNETWORKS_GATHER, "TiI|T"},
    {ANEURALNETWORKS_MEAN, "TIi|T"},
    {ANEURALNETWORKS_REDUCE_SUM, "TIb|T"},
    {ANEURALNETWORKS_REDUCE_MAX, "TIb|T"},
    {ANEURALNETWORKS_ARGMAX, "Ti|I"},
    {ANEURALNETWORKS_TOPK_V2, "Ti|TI"},
    {ANEURALNETWORKS_EMBEDDING_LOOKUP, "IT|T"},
    {ANEURALNETWORKS_HASHTABLE_LOOKUP, "IIT|TQ"},
    {ANEURALNETWORKS_CHANNEL_SHUFFLE, "Tii|T"},
    {ANEURALNETWORKS_ROI_ALIGN, "TTIiiffiib|T"},
    {ANEURALNETWORKS_FILL, "If|T"},
    {ANEURALNETWORKS_RANK, "T|i"},
    {ANEURALNETWORKS_RNN, "TTTTTi|TT"},
    {ANEURALNETWORKS_SVDF, "TTTTTii|TT"},
    {ANEURALNETWORKS_LSTM, "TTTTTTTTTTTTTTTTTTTTiff[TTTT|TTTT"},
    {ANEURALNETWORKS_UNIDIRECTIONAL_SEQUENCE_RNN, "TTTTTii|T[T"},
    {ANEURALNETWORKS_UNIDIRECTIONAL_SEQUENCE_LSTM, "TTTTTTTTTTTTTTTTTTTTiffbTTTT|T[TT"},
    {ANEURALNETWORKS_BIDIRECTIONAL_SEQUENCE_RNN, "TTTTTTTTTTTTibb|T[T[T[T"},
};

Kind kind_of(char letter) {
  switch (letter) {
    case 'i':
      return {ANEURALNETWORKS_INT32};
    case 'f':
      return {ANEURALNETWORKS_FLOAT32};
    case 'b':
      return {ANEURALNETWORKS_BOOL};
    case 'I':
      return i32({});
    case 'B':
      return {ANEURALNETWORKS_TENSOR_BOOL8};
    case 'Q':
      return q8({});
    default:
      return f32({});
  }
}

int add(int32_t code, const std::string& inputs, const std::string& outputs) {
  Model model;
  Dims in, out;
  for (char letter : inputs) in.push_back(model.operand(kind_of(letter)));
  for (char letter : outputs) out.push_back(model.operand(kind_of(letter)));
  return model.operation(code, in, out);
}

bool expect(int32_t code, const std::string& inputs, const std::string& outputs, int wanted) {
  const std::string what =
      "operation " + std::to_string(code) + " of " + inputs + " giving " + outputs;
  return expect_code(add(code, inputs, outputs), wanted, what.c_str(), __FILE__, __LINE__);
}

// A list and the lengths that it may have.
struct List {
  std::string letters;
  std::vector<size_t> lengths;
  explicit List(const std::string& text) {
    for (char letter : text) {
      if (letter == '[')
        lengths.push_back(letters.size());
      else
        letters += letter;
    }
    lengths.push_back(letters.size());
  }
  bool may_have(size_t n) const {
    for (size_t length : lengths)
      if (length == n) return true;
    return false;
  }
};

// The same operation given in another way may take what this row does not.
bool is_given_in_two_ways(int32_t code) {
  return code == ANEURALNETWORKS_CONV_2D || code == ANEURALNETWORKS_DEPTHWISE_CONV_2D ||
         code == ANEURALNETWORKS_AVERAGE_POOL_2D || code == ANEURALNETWORKS_MAX_POOL_2D ||
         code == ANEURALNETWORKS_GROUPED_CONV_2D || code == ANEURALNETWORKS_TRANSPOSE_CONV_2D;
}

void check_row(const OperationRow& row) {
  const std::string text = row.operands;
  const size_t bar = text.find('|');
  const List in(text.substr(0, bar)), out(text.substr(bar + 1));
  for (size_t n = 1; n <= in.letters.size(); ++n)
    if (in.may_have(n) || !is_given_in_two_ways(row.code))
      expect(row.code, in.letters.substr(0, n), out.letters, in.may_have(n) ? kOk : kBadData);
  expect(row.code, in.letters + "T", out.letters, kBadData);
  for (size_t n = 1; n <= out.letters.size(); ++n)
    expect(row.code, in.letters, out.letters.substr(0, n), out.may_have(n) ? kOk : kBadData);
  expect(row.code, in.letters, out.letters + "T", kBadData);
  expect(row.code, in.letters, "", kBadData);
  for (size_t i = 0; i < in.letters.size(); ++i) {
    // The first operand decides for others: RANK takes any tensor, and so on.
    if (row.code == ANEURALNETWORKS_RANK) continue;
    std::string wrong = in.letters;
    wrong[i] = wrong[i] == 'b' ? 'f' : 'b';
    expect(row.code, wrong, out.letters, kBadData);
  }
  for (size_t i = 0; i < out.letters.size(); ++i) {
    std::string wrong = out.letters;
    wrong[i] = 'b';
    expect(row.code, in.letters, wrong, kBadData);
  }
}

}  // namespace

void check_operations() {
  for (const OperationRow& row : kRows) check_row(row);
  for (int32_t code : {-1, 106, 9999, 10001, 30000}) expect(code, "T", "T", kBadData);
  expect(ANEURALNETWORKS_OEM_OPERATION, "TiB", "TT", kOk);  // who knows
  Model model;
  const uint32_t a = model.operand(f32({1}));
  EXPECT(model.operation(ANEURALNETWORKS_RELU, {a}, {a + 1}), kBadData);
  EXPECT(model.operation(ANEURALNETWORKS_RELU, {a + 1}, {a}), kBadData);
  EXPECT(model.operation(ANEURALNETWORKS_RELU, {UINT32_MAX}, {a}), kBadData);
  EXPECT(model.operation(ANEURALNETWORKS_CONCATENATION, {a}, {a}), kBadData);
}

}  // namespace contract
